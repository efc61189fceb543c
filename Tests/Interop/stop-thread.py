"""Stops one thread of a process until this program ends: stop-thread.py PID PREFIX.

It is the first thread whose name begins with the prefix.

A signal would stop the whole process. A tracer can stop one thread, see ptrace(2). The kernel continues it when the tracer ends.
"""
import ctypes
import os
import signal
import sys

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        sys.exit("ptrace: " + os.strerror(ctypes.get_errno()))


process, prefix = int(sys.argv[1]), sys.argv[2]
folder = f"/proc/{process}/task"
threads = [thread for thread in sorted(map(int, os.listdir(folder))) if open(f"{folder}/{thread}/comm").read().startswith(prefix)]
if not threads:
    sys.exit(f"no thread's name begins with {prefix}")
ptrace(PTRACE_SEIZE, threads[0])
ptrace(PTRACE_INTERRUPT, threads[0])
os.waitpid(threads[0], 0x40000000)  # __WALL
print("stopped", flush=True)
signal.pause()
