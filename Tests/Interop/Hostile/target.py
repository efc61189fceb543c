"""The server under attack, and the runner of cases. Needs only Python's own library.

A case is a function whose docstring is its name. After each case the server answers others, holds as many descriptors as before, and
has not grown by more than a bound.
"""

import argparse
import os
import socket
import sys
import time
import urllib.request

CASES = []
MEBIBYTE = 1 << 20


class Failed(Exception):
    """The server did something else than expected."""


def case(function):
    """Adds a case to the list, in the order of the file."""
    CASES.append(function)
    return function


def check(condition, *message):
    if not condition:
        raise Failed(" ".join(str(part) for part in message))


def eventually(what, condition, seconds=10):
    """Polls a condition, and returns its value once it is true."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, "did not happen:", what)
        time.sleep(0.02)


class Target:
    """A doormand process, its port, and its provider's emulator."""

    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--pid", type=int, required=True)
        parser.add_argument("--emulator", required=True, help="URL of the emulator")
        parser.add_argument("--frame-timeout", type=float, required=True, help="server.frame-timeout in seconds")
        parser.add_argument("--write-timeout", type=float, required=True, help="server.write-timeout in seconds")
        parser.add_argument("--case-growth", type=int, default=32, help="maximum growth of a case in MiB")
        parser.add_argument("--growth", type=int, default=64, help="maximum growth of all cases in MiB")
        parser.add_argument("--only", default="", help="part of the names of the cases to run")
        options = parser.parse_args()
        self.__dict__.update(vars(options))
        # The token is a secret: it comes on standard input.
        self.token = sys.stdin.readline().strip()

    def connect(self, receive_buffer=None):
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def resident(self):
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def descriptors(self):
        """Returns the number of descriptors apart from the provider's connections, which come and go."""
        folder = f"/proc/{self.pid}/fd"
        count = 0
        inodes = set()
        for name in os.listdir(folder):
            try:
                link = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            count += 1
            if link.startswith("socket:["):
                inodes.add(link[8:-1])
        provider = ":%04X" % int(self.emulator.rsplit(":", 1)[1].strip("/"))
        with open(f"/proc/{self.pid}/net/tcp") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[2].endswith(provider) and fields[9] in inodes:
                    count -= 1
        return count

    def emulate(self, method, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(self.emulator.rstrip("/") + path, method=method)
        return opener.open(request, timeout=10).read()

    def slow_provider(self, milliseconds):
        """Returns a context in which the provider answers late."""
        target = self

        class Slow:
            def __enter__(self):
                target.emulate("POST", f"/emulator/fault?name=latency&milliseconds={milliseconds}")

            def __exit__(self, *_):
                target.emulate("DELETE", "/emulator/fault")

        return Slow()

    def answers_http1(self):
        """Checks that the server answers forward auth on another connection."""
        with self.connect() as connection:
            connection.sendall(
                b"GET /auth HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer " + self.token.encode()
                + b"\r\nConnection: close\r\n\r\n")
            answer = read_all(connection)
        check(answer.startswith(b"HTTP/1.1 200 "), "the server does not answer others:", answer[:80])


def read_all(connection, seconds=10):
    """Reads until the peer closes. Bytes before a reset count."""
    answer = b""
    connection.settimeout(seconds)
    while True:
        try:
            more = connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return answer
        except TimeoutError:
            raise Failed("the server keeps the connection open, after", repr(answer[-200:])) from None
        if not more:
            return answer
        answer += more


def run(target, answers_others, warm_up=lambda: None):
    """Runs all cases, and prints a line for each. Returns the exit code.

    Memory is compared to that after the warm-up, which takes what usual clients take at most.
    """
    warm_up()
    for _ in range(3):
        answers_others()
    before = target.descriptors()
    start = previous = target.resident()
    failures = 0
    selected = [each for each in CASES if target.only in each.__doc__]
    for each in selected:
        began = time.monotonic()
        try:
            each(target)
            answers_others()
            try:
                eventually("descriptors are closed", lambda: target.descriptors() <= before, 10)
            except Failed:
                raise Failed("descriptors:", target.descriptors(), "before:", before) from None
            grown = target.resident() - previous
            check(grown < target.case_growth * MEBIBYTE, "grew by", grown, "bytes")
            result = "ok"
        except (Failed, OSError, AssertionError) as error:
            failures += 1
            result = f"FAILED: {type(error).__name__ if not isinstance(error, Failed) else ''} {error}"
        now = target.resident()
        print(f"{each.__doc__}: {result} ({time.monotonic() - began:.1f} s, {(now - previous) / MEBIBYTE:+.1f} MiB)", flush=True)
        previous = max(previous, now)
    total = target.resident() - start
    if total > target.growth * MEBIBYTE:
        failures += 1
        print(f"FAILED: all cases together grew by {total} bytes")
    print(f"{len(selected)} cases, {failures} failures, grew by {total / MEBIBYTE:.1f} MiB to {target.resident() / MEBIBYTE:.0f} MiB")
    return 1 if failures or not selected else 0
