"""The use of the two cores by other processes during a measurement."""

import os
import resource
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def _busy_seconds(core):
    """Returns the busy time of a core, including other virtual machines. Interrupts are omitted: on loopback they are servers' work."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _, _, _, _, steal = map(int, line.split()[1:9])
            return (user + nice + system + steal) / TICKS


def _children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Watch:
    """Measures from its creation on."""

    def __init__(self, load_core, server_core, server):
        self._server = server
        self._cores = load_core, server_core
        self._before = time.monotonic(), *self._state()

    def _state(self):
        load_core, server_core = self._cores
        load = _busy_seconds(load_core) - _children_seconds()
        return load, _busy_seconds(server_core) - self._server.process.cpu_seconds()

    def part(self):
        """Returns the part of the elapsed time that others used, on the core where they used more."""
        now = time.monotonic(), *self._state()
        elapsed, load, server = (after - before for before, after in zip(self._before, now))
        return max(0, load, server) / elapsed
