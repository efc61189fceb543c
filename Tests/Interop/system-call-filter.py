"""Executes a program under the system call filters of a unit, as systemd sets them: system-call-filter.py UNIT PROGRAM ARGUMENT...

It knows SystemCallFilter=, SystemCallErrorNumber=EPERM, RestrictAddressFamilies= with a list, and MemoryDenyWriteExecute=.
"""
import ctypes
import errno
import mmap
import os
import socket
import subprocess
import sys

unit, program = sys.argv[1], sys.argv[2:]
lines = [line.strip().split("=", 1) for line in open(unit) if "=" in line and not line.startswith("#")]


def values(key):
    return [value for name, value in lines if name == key]


def expand(names, seen):
    """Returns the system calls of names, some of which are sets."""
    calls = set()
    for name in names:
        if not name.startswith("@"):
            calls.add(name)
        elif name not in seen:
            seen.add(name)
            text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
            members = [line.strip() for line in text.splitlines()[1:]]
            calls |= expand([member for member in members if member and not member.startswith("#")], seen)
    return calls


allowed = expand(["@default"], set())
for value in values("SystemCallFilter"):
    if value.startswith("~"):
        allowed -= expand(value[1:].split(), set())
    else:
        allowed |= expand(value.split(), set())
# systemd has these in its own filter, so that the program can be executed.
allowed |= {"execve"}

seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NOT_EQUAL, EQUAL, MASKED_EQUAL = 1, 4, 7


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def check(result):
    if result != 0:
        sys.exit("libseccomp: " + os.strerror(-result))


def number(call):
    return seccomp.seccomp_syscall_resolve_name(call.encode())


def make(default):
    return ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(default)))


def load(context):
    check(seccomp.seccomp_load(context))
    seccomp.seccomp_release(context)


def deny(context, error, call, *comparisons):
    array = (Comparison * len(comparisons))(*comparisons)
    check(seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(ERROR | error), number(call), len(comparisons), array))


arguments = make(ALLOW)
if values("MemoryDenyWriteExecute") == ["yes"]:
    both = mmap.PROT_WRITE | mmap.PROT_EXEC
    deny(arguments, errno.EPERM, "mmap", Comparison(2, MASKED_EQUAL, both, both))
    for call in ["mprotect", "pkey_mprotect"]:
        deny(arguments, errno.EPERM, call, Comparison(2, MASKED_EQUAL, mmap.PROT_EXEC, mmap.PROT_EXEC))
    deny(arguments, errno.EPERM, "shmat", Comparison(2, MASKED_EQUAL, 0o100000, 0o100000))
families = {getattr(socket, name) for value in values("RestrictAddressFamilies") for name in value.split()}
for family in set(range(socket.AF_UNSPEC, 46)) - families:
    deny(arguments, errno.EAFNOSUPPORT, "socket", Comparison(0, EQUAL, family, 0))

calls = make(ERROR | errno.EPERM)
for call in sorted(allowed):
    # Some belong to other architectures or to a newer kernel.
    if number(call) >= 0:
        check(seccomp.seccomp_rule_add_array(calls, ctypes.c_uint32(ALLOW), number(call), 0, None))

libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
    sys.exit("prctl failed")
load(arguments)
load(calls)
os.execv(program[0], program)
