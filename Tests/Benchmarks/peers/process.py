"""Programs that a benchmark starts and that end with it in any case."""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
TICKS = os.sysconf("SC_CLK_TCK")
# Above other programs, and below the kernel's own threads.
REAL_TIME_PRIORITY = 20


class Failure(Exception):
    """An error that leaves nothing to measure. Its text is for the terminal."""


def cores(text=None):
    """Returns the core of the load generator and the core of the servers."""
    allowed = sorted(os.sched_getaffinity(0))
    chosen = [int(core) for core in text.split(",")] if text else [allowed[0], allowed[-1]]
    if len(set(chosen)) != 2 or not set(chosen) <= set(allowed):
        raise Failure("two different cores are needed, one for the load generator and one for the servers")
    return chosen


def prefer(pid):
    """Gives a process real-time priority, and the processes that it starts from now on. Other programs wait meanwhile."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(REAL_TIME_PRIORITY))
        except ProcessLookupError:
            continue  # The thread has ended.
        except PermissionError as error:
            raise Failure(f"real-time priority needs root: {error}")


def allow_whole_cores(stack):
    """Lets programs of real-time priority use all of a core until the stack ends.

    By default the kernel takes 50 ms of each second from them, and a load generator that polls needs those. Each of these pauses would be the
    p99 of its round.
    """
    setting = Path("/proc/sys/kernel/sched_rt_runtime_us")
    default = setting.read_text()
    setting.write_text("-1")
    stack.callback(setting.write_text, default)


def _die_with_parent():
    # Clean-up handles Ctrl-C and SIGTERM. This is for SIGKILL, which prevents clean-up.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    def __init__(self, stack, name, command, log, core=None, environment=None):
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        self.name = name
        self.log = log
        with open(log, "wb") as output:
            self.child = subprocess.Popen(
                [str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})}, preexec_fn=_die_with_parent)
        stack.callback(self.end)

    def end(self):
        if self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def wait_for(self, what, find, seconds=60):
        """Waits until `find` returns a value. Fails with the log if the program ends first or takes too long."""
        give_up_at = time.monotonic() + seconds
        while (found := find()) is None:
            if self.child.poll() is not None or time.monotonic() > give_up_at:
                raise Failure(f"{self.name} failed to {what}:\n{self.log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)
        return found

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_bytes(self):
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failure(f"{self.name} has ended")

    def settle(self, seconds=10):
        """Waits until the process uses at most 5 % of a core, so that its work after a run does not disturb others."""
        give_up_at = time.monotonic() + seconds
        while True:
            before = self.cpu_seconds()
            time.sleep(0.2)
            if self.cpu_seconds() - before <= 0.01:
                return
            if time.monotonic() > give_up_at:
                raise Failure(f"{self.name} is busy without calls, which would disturb the other servers")


def number_in(file):
    """Returns the number that a program writes once it listens; None until then."""
    try:
        text = Path(file).read_text()
    except FileNotFoundError:
        return None
    return int(text) if text.endswith("\n") or text.isdigit() else None
