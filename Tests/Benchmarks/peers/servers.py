"""The servers that are compared, each on one core and one thread, and filled with the same tokens."""

import socket

from accounts import APPLICATION_ID, COUNT
from load import Row
from process import Failure, Process, number_in


class Ceiling:
    name, protocol = "ceiling", "ttrpc"

    def __init__(self, bench):
        log = bench.folder / "ceiling.log"
        self.process = Process(
            bench.stack, self.name, [bench.programs.ceiling, "--answer-bytes", bench.accounts.identity_bytes], log, bench.server_core)
        self.port = self.process.wait_for("listen", lambda: number_in(log))


class GRPC:
    name, protocol = "grpc", "grpc"

    def __init__(self, bench):
        log = bench.folder / "grpc.log"
        self.process = Process(
            bench.stack, self.name, [bench.programs.grpc, "--answer-bytes", bench.accounts.identity_bytes], log, bench.server_core)
        self.port = self.process.wait_for("listen", lambda: number_in(log))


class Redis:
    name, protocol = "redis", "redis"

    def __init__(self, bench):
        # Redis takes 0 for no TCP at all, so a port has to be found for it.
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--io-threads", 1, "--save", "", "--appendonly", "no"]
        self.process = Process(bench.stack, self.name, command, bench.folder / "redis.log", bench.server_core)
        with self.process.wait_for("listen", self._connect) as connection:
            self._fill(connection, bench.accounts)

    def _connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self.port), timeout=10)
        except ConnectionRefusedError:
            return None

    def _fill(self, connection, accounts):
        value = b"i" * accounts.identity_bytes
        replies = connection.makefile("rb")
        for start in range(0, COUNT, 1000):
            tokens = [token.encode() for token in accounts.tokens[start : start + 1000]]
            connection.sendall(b"".join(
                b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(token), token, len(value), value) for token in tokens))
            for _ in tokens:
                if replies.readline() != b"+OK\r\n":
                    raise Failure("redis did not take a key")


class Doorman:
    """Starts doormand with an emulator as its provider; `fill` asks it for every token, and ends the emulator: whatever is
    not answered from memory afterwards is an error, and fails the run."""

    name, protocol = "doorman", "ttrpc"

    # The longest time to live, and no limit that filling would meet.
    settings = {
        "server-event-loops": 1, "server-max-connections": 20_000, "cache-ttl": "24h",
        # Tokens fall into shards by chance, and each has its part of the bound: a bound of just as many would lose some.
        "cache-max-entries": 2 * COUNT, "cache-max-bytes": "1GiB",
        "caller-misses-per-second": 1_000_000, "caller-saved-misses": 1_000_000, "provider-max-calls-per-second": 1_000_000,
    }

    def __init__(self, bench):
        folder, programs = bench.folder, bench.programs
        secret = folder / "app-secret"
        emulator_port = folder / "emulator.port"
        self.emulator = Process(
            bench.stack, "account-kit-emulator",
            [programs.emulator, "--port", 0, "--port-file", emulator_port, "--seed", bench.accounts.seed_file(),
             "--write-app-secret", secret, "--log-level", "warning"],
            folder / "emulator.log", bench.load_core)
        provider = self.emulator.wait_for("listen", lambda: number_in(emulator_port))
        port_file = folder / "doormand.port"
        flags = [part for name, value in self.settings.items() for part in (f"--{name}", value)]
        self.process = Process(
            bench.stack, "doormand",
            [programs.doormand, "--server-address", "127.0.0.1:0", "--server-port-file", port_file,
             "--account-kit-base-url", f"http://127.0.0.1:{provider}", "--account-kit-application-id", APPLICATION_ID,
             "--account-kit-app-secret-file", secret, *flags],
            folder / "doormand.log", bench.server_core)
        self.port = self.process.wait_for("listen", lambda: number_in(port_file))

    def fill(self, load):
        figures = load.run(self, Row(8, 16), "--once", seconds=600)
        if figures["requests"] != COUNT:
            raise Failure(f"doormand answered {figures['requests']:.0f} of {COUNT} first calls")
        self.emulator.end()


ALL = {server.name: server for server in (Doorman, Redis, GRPC, Ceiling)}
