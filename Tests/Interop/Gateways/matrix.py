"""Runs the gateways of the guides in front of doormand, and prints what each makes of doormand's answers.

    matrix.py [--programs FOLDER] [--tls | --plain] [GATEWAY ...]

A gateway is a name such as nginx, or debian:nginx for the program of one source. Without one, all programs that are found run, with and
without TLS to doormand. Exits with 1 if a cell of the table is not "ok", and with 2 if no program is found.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import programs
from stage import Backend, Doorman, Relay, accepts, free_port, send, wait_until

HEADERS = ["Account-Id", "Application-Id", "Phone", "Email", "Provider", "Scopes", "Freshness"]
SPOOFED = [("X-Doorman-" + name, "evil") for name in HEADERS] + [("X_Doorman_" + name.replace("-", "_"), "evil") for name in HEADERS]
SPOOFED += [("x-dOORMAN-aCCOUNT-iD", "evil"), ("X-Doorman_Account-Id", "evil"), ("Cookie", "session=1")]


class Problem(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Problem(text)


class Run:
    """One gateway between the client and doormand."""

    def __init__(self, doorman, backend, program, files, tls, profile=None):
        self.doorman, self.backend, self.tls, self.files = doorman, backend, tls, files
        self.relay = Relay(doorman.tls_port if tls else doorman.port)
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="doorman-gateway-")
        # nginx drops the rights of root before it writes large bodies into it.
        os.chmod(self.folder, 0o711)
        for name in ("ca.pem", "gateway.pem", "gateway.key", "gateway-and-key.pem"):
            shutil.copy(doorman.path(name), self.folder)
        ports = {"doormand": self.relay.port, "gateway": self.port, "backend": backend.port}
        self.program = program
        self.process = programs.start(program, files, self.folder, ports, tls, profile)
        wait_until(f"{program.path} listens: {self.folder}/gateway.log", lambda: self.process.poll() is not None or accepts(self.port))
        # Traefik listens before it knows its routes.
        wait_until("the gateway knows its routes", lambda: self.process.poll() is not None or self.ask(None)[0] != 404)
        if self.process.poll() is not None:
            raise Problem("does not start: " + open(f"{self.folder}/gateway.log", errors="replace").read()[-2000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.relay.set_mode("refuse")
        shutil.rmtree(self.folder)

    def ask(self, token, method="GET", target="/app/a%20b/c?x=1&y=%2F&auth=2", body=None, headers=()):
        authorization = [("Authorization", "Bearer " + token)] if token is not None else []
        return send(self.port, method, target, authorization + SPOOFED + list(headers), body)

    def passes(self, token, account, expected, method, body):
        before = self.backend.requests
        target = "/app/a%20b/c?x=1&y=%2F&auth=2"
        status, _, data = self.ask(token, method, target, body)
        expect(status == 200, f"{status} instead of 200")
        expect(self.backend.requests == before + 1, "the backend was not called once")
        seen = json.loads(data)
        expect(seen["method"] == method and seen["target"] == target, f"the backend got {seen['method']} {seen['target']}")
        expect(seen["body"] == (body or b"").decode(), f"the backend got the body {seen['body']!r}")
        expect(any(name.lower() == "authorization" for name, _ in seen["headers"]), "the backend got no Authorization")
        got = {}
        for name, value in seen["headers"]:
            plain = name.lower().replace("_", "-")
            if plain.startswith("x-doorman-"):
                expect("evil" not in value, f"the client's {name} came through")
                expect(plain not in got, f"{name} came twice")
                got[plain[len("x-doorman-"):]] = value
        for name, value in {"account-id": account, **expected}.items():
            expect(got.get(name, "") == value, f"X-Doorman-{name} is {got.get(name)!r}, not {value!r}")

    def denied(self, status, token, method="GET", body=None, headers=(), header=None):
        before = self.backend.requests
        got, received, _ = self.ask(token, method, body=body, headers=headers)
        expect(got == status, f"{got} instead of {status}")
        expect(self.backend.requests == before, "the backend was called")
        if header == "WWW-Authenticate":
            expect(received.get("www-authenticate", "").startswith("Bearer"), f"WWW-Authenticate: {received.get('www-authenticate')}")
        if header == "Retry-After":
            expect(received.get("retry-after", "").isdigit() and int(received["retry-after"]) >= 1, f"Retry-After: {received.get('retry-after')}")

    # The cells of the table.

    def all_headers(self):
        token, account = self.doorman.log_in(email="anna@example.org", response="jwt", audience="orders-api", scope="orders:read orders:write")
        expected = {"email": "anna@example.org", "phone": "", "provider": "corp", "scopes": "orders:read orders:write", "freshness": "fresh"}
        self.passes(token, account, expected, "POST", b"a body")

    def an_empty_header(self):
        token, account = self.doorman.log_in(phone="+15551234567")
        expected = {"phone": "+15551234567", "email": "", "scopes": "", "provider": "account-kit", "application-id": "5432154321543210"}
        self.passes(token, account, expected, "GET", None)
        expected["freshness"] = "cached"
        self.passes(token, account, expected, "POST", b"x" * 100_000)

    def no_token(self):
        self.denied(401, None, header="WWW-Authenticate")
        self.denied(401, None, "POST", b"a body", header="WWW-Authenticate")

    def bad_token(self):
        self.denied(401, "EMAWbad", "POST", b"a body", header="WWW-Authenticate")
        self.denied(401, "EMAWbad", header="WWW-Authenticate")

    def two_tokens(self):
        """A gateway and the service behind it may choose different ones."""
        before = self.backend.requests
        token, _ = self.doorman.log_in(phone="+15551234567")
        for first, second in ((token, "EMAWbad"), ("EMAWbad", token)):
            status, _, _ = self.ask(first, headers=[("Authorization", "Bearer " + second)])
            expect(status in (400, 401), f"{status} instead of 401")
        expect(self.backend.requests == before, "the backend was called")

    def long_token(self):
        self.denied(401, "EMAW" + "a" * 15_000, header="WWW-Authenticate")

    def forbidden(self):
        token, _ = self.doorman.log_in(phone="+15551234567")
        self.doorman.set_policy(Doorman.forbidden, token, 403)
        try:
            self.denied(403, token, "POST", b"a body")
            self.denied(403, token)
        finally:
            self.doorman.set_policy(Doorman.allowed, token, 200)

    def over_limit(self):
        token, _ = self.doorman.log_in(phone="+15551234567")
        self.doorman.set_policy(Doorman.limited, token, 429)
        try:
            for method, body in (("GET", None), ("POST", b"a body")):
                self.doorman.ask(token, self.tls)
                self.doorman.ask(token, self.tls)
                self.denied(429, token, method, body, header="Retry-After")
        finally:
            self.doorman.set_policy(Doorman.allowed, token, 200)

    def unavailable(self):
        self.doorman.control("POST", "/emulator/fault?name=bad-gateway&endpoint=me")
        try:
            for method, body in (("GET", None), ("POST", b"a body")):
                token, _ = self.doorman.log_in(phone="+15551234567")
                self.denied(503, token, method, body, header="Retry-After")
        finally:
            self.doorman.control("DELETE", "/emulator/fault")
            # The circuit breaker may be open for a while.
            token, _ = self.doorman.log_in(phone="+15551234567")
            wait_until("doormand asks its provider again", lambda: self.doorman.ask(token) == self.doorman.ask(token, tls=True) == 200, 40)

    def no_answer(self, mode):
        before = self.backend.requests
        token, _ = self.doorman.log_in(phone="+15551234567")
        expect(self.ask(token)[0] == 200, "the token is not valid")
        self.relay.set_mode(mode)
        try:
            began = time.monotonic()
            status, _, _ = self.ask(token, "POST", body=b"a body")
            seconds = time.monotonic() - began
            expect(self.backend.requests == before + 1 and status >= 500, f"{status}, and the backend was called {self.backend.requests - before - 1} times")
        finally:
            self.relay.set_mode("pass")
        recovered = time.monotonic()
        wait_until("the gateway reaches doormand again", lambda: self.ask(token)[0] == 200)
        expect(time.monotonic() - recovered < 5, "the gateway did not recover in 5 s")
        return f"ok, {status}" if seconds < 1 else f"ok, {status} after {seconds:.1f} s"

    def refused(self):
        return self.no_answer("refuse")

    def silent(self):
        return self.no_answer("hang")

    def hop_by_hop(self):
        """A client may declare our headers to be of its own connection, so that a proxy removes them."""
        token, account = self.doorman.log_in(phone="+15551234567")
        listed = "keep-alive, X-Doorman-Account-Id, X-Doorman-Scopes"
        status, _, data = self.ask(token, headers=[("Connection", listed)])
        if status == 200:
            got = [value for name, value in json.loads(data)["headers"] if name.lower() == "x-doorman-account-id"]
            expect(got in ([account], [], [""]), f"X-Doorman-Account-Id is {got}")
            expect(got == [account], "the header was removed")

    def profile(self):
        """A gateway that names a profile, and one that names an unknown profile."""
        tokens = [
            self.doorman.log_in(email="anna@example.org", response="jwt", audience="orders-api", scope=scope)
            for scope in ("orders:read", "orders:write")]
        run = Run(self.doorman, self.backend, self.program, self.files, self.tls, "orders")
        try:
            expected = {"scopes": "orders:read", "email": "", "provider": "", "application-id": "", "freshness": ""}
            run.passes(*tokens[0], expected, "POST", b"a body")
            run.denied(403, tokens[1][0], header="WWW-Authenticate")
            run.denied(401, None, header="WWW-Authenticate")
        finally:
            run.stop()
        run = Run(self.doorman, self.backend, self.program, self.files, self.tls, "unknown")
        try:
            run.denied(503, tokens[0][0], header="Retry-After")
        finally:
            run.stop()

    def connections(self):
        token, _ = self.doorman.log_in(phone="+15551234567")
        self.ask(token)
        before = self.relay.accepted
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for index in range(100):
            body = b"a body" if index % 2 else None
            status, _, _ = send(self.port, "POST" if body else "GET", "/", [("Authorization", "Bearer " + token)], body, connection=client)
            expect(status == 200, f"{status} in call {index}")
        client.close()
        opened = self.relay.accepted - before
        expect(opened <= 5, f"{opened} connections")
        return f"ok, {opened}"


CELLS = [
    ("200 all headers", Run.all_headers), ("200 an empty one", Run.an_empty_header), ("401 no token", Run.no_token),
    ("401 bad token", Run.bad_token), ("401 two tokens", Run.two_tokens), ("401 long token", Run.long_token), ("403", Run.forbidden),
    ("429", Run.over_limit), ("503", Run.unavailable), ("doormand down", Run.refused), ("doormand silent", Run.silent),
    ("hop-by-hop", Run.hop_by_hop), ("profile", Run.profile),
    ("connections", Run.connections),
]


def cells(run):
    for name, cell in CELLS:
        try:
            yield name, cell(run) or "ok"
        except (Problem, OSError, http.client.HTTPException) as problem:
            yield name, f"FAILED: {problem or type(problem).__name__}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", default=os.path.join(programs.ROOT, ".build/debug"))
    parser.add_argument("--tls", dest="tls", action="store_const", const=[True], default=[False, True])
    parser.add_argument("--plain", dest="tls", action="store_const", const=[False])
    parser.add_argument("gateways", nargs="*")
    options = parser.parse_args()
    found = programs.installed(options.gateways)
    if not found:
        print("gateways: no program is installed", file=sys.stderr)
        return 2
    failed = False
    backend = Backend()
    with tempfile.TemporaryDirectory(prefix="doorman-gateways-") as folder:
        doorman = Doorman(os.path.abspath(options.programs), folder)
        try:
            print("| gateway | to doormand | " + " | ".join(name for name, _ in CELLS) + " |", flush=True)
            print("|---|---|" + "---|" * len(CELLS))
            for program in found:
                for variant, files in programs.variants(program.gateway).items():
                    for tls in options.tls:
                        row = f"{program.gateway} {program.version} ({program.source})"
                        way = (variant or "HTTP") + (", mTLS" if tls else "")
                        run = None
                        try:
                            run = Run(doorman, backend, program, files, tls)
                            results = [result for _, result in cells(run)]
                        except Problem as problem:
                            results = [f"FAILED: {problem}"]
                        finally:
                            if run:
                                run.stop()
                        failed = failed or any(result.startswith("FAILED") for result in results)
                        print(f"| {row} | {way} | " + " | ".join(results) + " |", flush=True)
        finally:
            doorman.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
