"""Repeated samples of a process's memory, descriptors and threads."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Sample:
    at: float  # seconds since the start
    resident_bytes: int
    descriptors: int  # without provider connections, whose number changes with faults
    provider_connections: int
    threads: int


def _inodes_connected_to(port):
    """Returns the inodes of sockets with this remote port. IPv4 only: the emulator listens on 127.0.0.1."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {fields[9] for fields in (line.split() for line in lines) if int(fields[2].rpartition(":")[2], 16) == port}


def _sockets_of(pid):
    inodes, others = set(), 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
        else:
            others += 1
    return inodes, others


class Samples:
    def __init__(self, process, provider_port):
        self._process, self._provider_port = process, provider_port
        self._began = time.monotonic()
        self.all = []

    def take(self):
        pid = self._process.child.pid
        sockets, others = _sockets_of(pid)
        to_provider = sockets & _inodes_connected_to(self._provider_port)
        return Sample(
            time.monotonic() - self._began, self._process.resident_bytes(), others + len(sockets - to_provider), len(to_provider),
            len(os.listdir(f"/proc/{pid}/task")))

    def keep_taking(self, stack, seconds):
        """Takes samples from a thread of its own."""
        is_over = threading.Event()

        def run():
            while not is_over.is_set():
                self.all.append(self.take())
                is_over.wait(seconds)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def end():
            is_over.set()
            thread.join()

        stack.callback(end)
        return end

    def at(self, part):
        """Returns the medians of the samples around this part of the time."""
        middle = self.all[0].at + (self.all[-1].at - self.all[0].at) * part
        nearest = sorted(self.all, key=lambda sample: abs(sample.at - middle))[: max(3, len(self.all) // 20)]
        figures = {name: median(getattr(sample, name) for sample in nearest) for name in Sample.__annotations__}
        return Sample(**figures)
