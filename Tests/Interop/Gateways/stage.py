"""What a gateway stands between: a client, a backend that tells what it received, and doormand with its emulator behind a relay."""

import http.client
import http.server
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit(f"gateways: this did not happen within {seconds} s: {what}")


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Backend:
    """The service behind the gateway. Its response is the request that it got, as JSON."""

    def __init__(self):
        self.requests = 0
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                backend.requests += 1
                if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                    body = b""
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                seen = {"method": self.command, "target": self.path, "headers": self.headers.items(), "body": body.decode("latin-1")}
                data = json.dumps(seen).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *arguments):
                # A gateway may reset its idle connections.
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Relay:
    """Passes bytes between the gateway and doormand, and counts connections. It can also refuse connections, or stay silent."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.port = free_port()
        self.accepted = 0
        self.mode = None
        self.listener = None
        self.sockets = set()
        self.set_mode("pass")

    def set_mode(self, mode):
        """Closes all connections, and treats later ones by the mode: pass, refuse or hang."""
        self.mode = mode
        for open_socket in list(self.sockets):
            try:
                open_socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if mode == "refuse":
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        elif self.listener is None:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", self.port))
            self.listener.listen(128)
            threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._relay, args=(client, self.mode), daemon=True).start()

    def _relay(self, client, mode):
        peers = {client: None}
        self.sockets.add(client)
        try:
            if mode == "pass":
                server = socket.create_connection(("127.0.0.1", self.target_port))
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peers = {client: server, server: client}
            while True:
                for ready in select.select(list(peers), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if peers[ready] is not None:
                        peers[ready].sendall(data)
        except OSError:
            pass
        finally:
            self.sockets.discard(client)
            for peer in peers:
                peer.close()


def send(port, method, target, headers, body=None, timeout=40, tls=None, connection=None):
    """Sends a request with headers as pairs, and returns the status, the headers in lower case, and the body."""
    if connection is None:
        if tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        else:
            connection = http.client.HTTPSConnection("localhost", port, timeout=timeout, context=tls)
        owned = True
    else:
        owned = False
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    answer = (response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    if owned:
        connection.close()
    return answer


class Doorman:
    """doormand and the emulator, which is the provider of both kinds of tokens."""

    allowed = "- {callers: any, methods: [verify]}\n"
    forbidden = "- {callers: any, methods: [stats]}\n"
    limited = "- {callers: any, methods: [verify], calls-per-second: 1, calls-burst: 1}\n"

    def __init__(self, programs, folder):
        self.folder = folder
        self.programs = programs
        self.emulator = subprocess.Popen(
            [f"{programs}/account-kit-emulator", "--port", "0", "--port-file", self.path("port"), "--write-app-secret", self.path("secret")],
            stdout=self.log("emulator"), stderr=subprocess.STDOUT)
        wait_until("the emulator listens", lambda: os.path.exists(self.path("port")) and open(self.path("port")).read().strip())
        self.emulator_url = f"http://127.0.0.1:{open(self.path('port')).read().strip()}"
        self.write("providers.yaml", f"""
- {{name: corp, kind: jwt, issuer: {self.emulator_url}/oidc, audience: [orders-api]}}
- {{name: account-kit, kind: account-kit, url: {self.emulator_url}, application-id: "5432154321543210", app-secret-file: secret}}
""")
        self.write("policy.yaml", self.allowed)
        self.write("profiles.yaml", "- {name: orders, required-scopes: [orders:read], headers: [account-id, scopes]}\n")
        self._make_certificates()
        self.port, self.process = self.start([])
        tls = ["--tls-certificate-file", "server.pem", "--tls-private-key-file", "server.key", "--tls-client-ca-file", "ca.pem"]
        self.tls_port, self.tls_process = self.start(tls)
        self.tls = ssl.create_default_context(cafile=self.path("ca.pem"))
        self.tls.load_cert_chain(self.path("gateway.pem"), self.path("gateway.key"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def log(self, name):
        return open(self.path(name + ".log"), "wb")

    def write(self, name, text):
        with open(self.path(name + ".new"), "w") as file:
            file.write(text)
        os.rename(self.path(name + ".new"), self.path(name))

    def start(self, arguments):
        port = free_port()
        process = subprocess.Popen(
            [f"{self.programs}/doormand", "--server-address", f"127.0.0.1:{port}", "--provider-file", "providers.yaml",
             "--authorization-policy-file", "policy.yaml", "--http-profiles-file", "profiles.yaml", *arguments],
            cwd=self.folder, stdout=self.log(f"doormand-{port}"), stderr=subprocess.STDOUT)
        wait_until("doormand listens", lambda: process.poll() is None and accepts(port))
        return port, process

    def _make_certificates(self):
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        leaf = new + ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        for command in (
            new + ["-subj", "/CN=CA", "-keyout", "ca.key", "-out", "ca.pem"],
            leaf + ["-subj", "/CN=server", "-addext", "subjectAltName=DNS:doorman.internal,DNS:localhost",
                    "-keyout", "server.key", "-out", "server.pem"],
            leaf + ["-subj", "/CN=gateway", "-addext", "subjectAltName=URI:spiffe://example.org/gateway",
                    "-addext", "extendedKeyUsage=clientAuth", "-keyout", "gateway.key", "-out", "gateway.pem"],
        ):
            subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        self.write("gateway-and-key.pem", open(self.path("gateway.pem")).read() + open(self.path("gateway.key")).read())

    def control(self, method, path):
        with urllib.request.urlopen(urllib.request.Request(self.emulator_url + path, method=method), timeout=10) as response:
            return json.load(response)

    def log_in(self, **parameters):
        answer = self.control("POST", "/emulator/login?" + urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote))
        return answer["access_token"], answer["id"]

    def ask(self, token, tls=False):
        """The status of a request past the gateway."""
        port, context = (self.tls_port, self.tls) if tls else (self.port, None)
        return send(port, "GET", "/auth", [("Authorization", "Bearer " + token)], tls=context)[0]

    def set_policy(self, text, token, status):
        """Reloads the policy, and waits until both servers answer by it."""
        self.write("policy.yaml", text)
        for process in (self.process, self.tls_process):
            process.send_signal(signal.SIGHUP)
        # Each event loop gets the policy by itself, and each connection has another loop.
        wait_until(
            f"the policy is reloaded: {text}",
            lambda: all(self.ask(token, tls) == status for tls in (False, True) for _ in range(6)))

    def stop(self):
        for process in (self.process, self.tls_process, self.emulator):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
