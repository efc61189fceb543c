"""The compared servers, each on one core and thread, and filled with the same tokens."""

import resource
import socket
from dataclasses import dataclass

import auth
from accounts import APPLICATION_ID, COUNT
from certificate import Certificate
from load import Row
from process import Failure, Process, number_in


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def connect(port):
    """Returns a connection; None while no server listens."""
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=10)
    except ConnectionRefusedError:
        return None


class Ceiling:
    name, protocol = "ceiling", "ttrpc"

    def __init__(self, bench):
        log = bench.folder / "ceiling.log"
        self.response_bytes = bench.accounts.identity_bytes
        command = [bench.programs.ceiling, "--response-bytes", self.response_bytes]
        self.process = Process(bench.stack, self.name, command, log, bench.server_core)
        self.port = self.process.wait_for("listen", lambda: number_in(log))


class GRPC:
    name, protocol = "grpc", "grpc"

    def __init__(self, bench):
        log = bench.folder / "grpc.log"
        self.response_bytes = bench.accounts.identity_bytes
        command = [bench.programs.grpc, "--response-bytes", self.response_bytes]
        self.process = Process(bench.stack, self.name, command, log, bench.server_core)
        self.port = self.process.wait_for("listen", lambda: number_in(log))


class Redis:
    name, protocol = "redis", "redis"

    def __init__(self, bench):
        # Redis takes port 0 for no TCP, so it needs a free port.
        self.port = free_port()
        self.response_bytes = bench.accounts.identity_bytes
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", *self._tls(bench)]
        command += ["--io-threads", 1, "--save", "", "--appendonly", "no"]
        self.process = Process(bench.stack, self.name, command, bench.folder / f"{self.name}.log", bench.server_core)
        with self.process.wait_for("listen", lambda: connect(self.port)) as connection:
            self._fill(connection, bench.accounts)

    def _tls(self, bench):
        return []

    def _fill(self, connection, accounts):
        value = b"i" * accounts.identity_bytes
        replies = connection.makefile("rb")
        for start in range(0, COUNT, 1000):
            tokens = [token.encode() for token in accounts.tokens[start : start + 1000]]
            connection.sendall(b"".join(
                b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(token), token, len(value), value) for token in tokens))
            for _ in tokens:
                if replies.readline() != b"+OK\r\n":
                    raise Failure("redis did not store a key")


class RedisTLS(Redis):
    """Redis with TLS. Its port without TLS is for filling alone."""

    name = "redis-tls"

    def __init__(self, bench):
        self.tls = Certificate.create(bench.folder)
        self._tls_port = free_port()
        super().__init__(bench)
        self.port = self._tls_port

    def _tls(self, bench):
        return [
            "--tls-port", self._tls_port, "--tls-cert-file", self.tls.file, "--tls-key-file", self.tls.key_file,
            "--tls-ca-cert-file", self.tls.file, "--tls-auth-clients", "no"]


class Nginx:
    """A constant `return 200` with the headers of doormand's success: the cost of a gateway's question without a decision."""

    name, protocol = "nginx", "http"

    def __init__(self, bench):
        self.port = free_port()
        folder = bench.folder / "nginx"
        folder.mkdir()
        configuration = folder / "nginx.conf"
        configuration.write_text(self._configuration(folder, auth.headers(bench.accounts)))
        # Without a master, nginx does not raise its limit of descriptors.
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        command = ["prlimit", f"--nofile={files}", "nginx", "-p", folder, "-e", "error.log", "-c", configuration]
        self.process = Process(bench.stack, self.name, command, bench.folder / "nginx.log", bench.server_core)
        self.process.wait_for("listen", lambda: connect(self.port)).close()
        self.response_bytes = auth.response_bytes(self.port, bench.accounts)

    def _configuration(self, folder, headers):
        temporary = "".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # nginx omits a header without a value, so a space stands for none. It sends Content-Length by itself.
        lines = "".join(f'add_header {name} "{value or " "}";' for name, value in headers.items() if name != "Content-Length")
        return (
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr;"
            "events { worker_connections 20000; }"
            f'http {{ access_log off; server_tokens off; default_type ""; {temporary}'
            "keepalive_requests 2147483647; keepalive_timeout 1h;"
            f"server {{ listen 127.0.0.1:{self.port}; location /auth {{ {lines} return 200; }} }} }}\n")


class Emulator:
    """The provider that fills doormand's cache. It ends afterwards, so that a cache miss fails the run."""

    def __init__(self, bench):
        self.app_secret_file = bench.folder / "app-secret"
        port_file = bench.folder / "emulator.port"
        self.process = Process(
            bench.stack, "account-kit-emulator",
            [bench.programs.emulator, "--port", 0, "--port-file", port_file, "--seed", bench.accounts.seed_file(),
             "--write-app-secret", self.app_secret_file, "--log-level", "warning"],
            bench.folder / "emulator.log", bench.load_core)
        self.port = self.process.wait_for("listen", lambda: number_in(port_file), seconds=300)


class Doorman:
    name, protocol = "doorman", "ttrpc"

    # The longest TTL, and limits above the rate of filling.
    settings = {
        "server-event-loops": 1, "server-max-connections": 20_000, "authorization-connections": "100%", "cache-ttl": "24h",
        # Tokens are distributed over shards at random, and each shard has its part of the bound. The exact bound would evict some.
        "cache-max-entries": 2 * COUNT, "cache-max-bytes": "1GiB",
        # Their default port is the same for all servers.
        "admin-address": "",
        "authorization-misses-per-second": 1_000_000, "authorization-misses-burst": 1_000_000, "provider-max-calls-per-second": 1_000_000,
    }

    def __init__(self, bench, emulator=None):
        self.emulator = emulator or Emulator(bench)
        self.response_bytes = bench.accounts.identity_bytes
        self._load = bench.load
        port_file = bench.folder / f"{self.name}.port"
        port_file.unlink(missing_ok=True)
        flags = [part for name, value in {**self.settings, **self._tls(bench)}.items() for part in (f"--{name}", value)]
        self.process = Process(
            bench.stack, "doormand",
            [bench.programs.doormand, "--server-address", "127.0.0.1:0", "--server-port-file", port_file,
             "--account-kit-url", f"http://127.0.0.1:{self.emulator.port}", "--account-kit-application-id", APPLICATION_ID,
             "--account-kit-app-secret-file", self.emulator.app_secret_file, *flags],
            bench.folder / f"{self.name}.log", bench.server_core)
        self.port = self.process.wait_for("listen", lambda: number_in(port_file))

    def _tls(self, bench):
        return {}

    def fill(self, count=COUNT):
        """Verifies each of the first tokens once."""
        figures = self._load.run(self, Row(8, 16), "--once", "--keys", count, seconds=600)
        if figures["requests"] != count:
            raise Failure(f"doormand responded to {figures['requests']:.0f} of {count} first calls")


class DoormanTLS(Doorman):
    name = "doorman-tls"

    def _tls(self, bench):
        self.tls = Certificate.create(bench.folder)
        return {"tls-certificate-file": self.tls.file, "tls-private-key-file": self.tls.key_file}


class Transport:
    """Doorman's connection, dispatcher and cache on SwiftNIO, without the rest of doormand."""

    name, protocol, options = "transport-nio", "ttrpc", []

    def __init__(self, bench):
        log = bench.folder / f"{self.name}.log"
        self.response_bytes = bench.accounts.identity_bytes
        command = [bench.programs.microbenchmarks, "serve", "--port", 0, "--seconds", 86_400, "--tokens", bench.accounts.tokens_file]
        self.process = Process(bench.stack, self.name, [*command, *self.options], log, bench.server_core)
        self.port = self.process.wait_for("listen", lambda: number_in(log), seconds=300)


class EpollTransport(Transport):
    """The same on a loop of epoll in place of SwiftNIO."""

    name, options = "transport-epoll", ["--epoll"]


@dataclass
class Endpoint:
    """Another protocol of a doormand."""

    name: str
    protocol: str
    process: Process
    port: int
    response_bytes: int


def doorman_grpc(bench, doorman):
    return Endpoint("doorman-grpc", "grpc", doorman.process, doorman.port, doorman.response_bytes)


def doorman_auth(bench, doorman):
    # The first question of the run is a hit already.
    return Endpoint("doorman-auth", "http", doorman.process, doorman.port, auth.response_bytes(doorman.port, bench.accounts))


PEERS = {server.name: server for server in (Redis, RedisTLS, GRPC, Nginx, Ceiling, Transport, EpollTransport)}
# The protocols of one doormand, made from it once it is filled.
DOORMAN = {"doorman": lambda _, doorman: doorman, "doorman-grpc": doorman_grpc, "doorman-auth": doorman_auth}
ALL = [*DOORMAN, "doorman-tls", *PEERS]
# The transports answer a question about the design, so only --only runs them.
DEFAULT = [name for name in ALL if not name.startswith("transport")]
