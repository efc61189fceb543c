"""Runs the callers that docs/how-to/call-over-http.md shows against doormand, through each kind of response.

    http-callers.py [--programs FOLDER] NAME ...

NAME is express, php or python. Prints a line for each check, and exits with 1 if one fails.
"""

import argparse
import os
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
EXAMPLES = os.path.join(ROOT, "docs/examples/callers")
sys.path.insert(0, os.path.join(ROOT, "Tests/Interop/Gateways"))

from stage import Doorman, accepts, free_port, send, wait_until  # noqa: E402


class CommandLine:
    """A program that reads a token, and prints what it learned about it."""

    def __init__(self, command, url):
        self.command = command + [url]

    def verdict(self, token):
        run = subprocess.run(self.command, input=token + "\n", capture_output=True, text=True, timeout=30)
        return (run.stdout + run.stderr).strip(), None

    def stop(self):
        pass


class Express:
    """A web service, which gets the token of a request."""

    def __init__(self, url):
        self.port = free_port()
        environment = {"PATH": "/usr/bin:/bin", "NODE_PATH": "/usr/share/nodejs", "DOORMAN_URL": url, "PORT": str(self.port)}
        self.process = subprocess.Popen(["node", os.path.join(EXAMPLES, "server.js")], env=environment)
        wait_until("the service listens", lambda: self.process.poll() is not None or accepts(self.port))

    def verdict(self, token):
        headers = [("Authorization", token if " " in token else "Bearer " + token)] if token is not None else []
        status, headers, body = send(self.port, "GET", "/", headers)
        shown = body.decode().strip() if status == 200 else str(status)
        return shown, headers.get("retry-after") or headers.get("www-authenticate")

    def stop(self):
        self.process.terminate()
        self.process.wait()


# What each caller makes of an account and of the failures.
EXPECTED = {
    "express": {
        "valid": "Hello, {account}", "rejected": "401", "malformed": "401", "forbidden": "403", "limited": "503", "unavailable": "503",
        "down": "503"},
    "php": {
        "valid": "account {account}", "rejected": "401 TOKEN_REJECTED", "malformed": "401 MALFORMED_TOKEN",
        "forbidden": "403 CALLER_NOT_ALLOWED", "limited": "503 LIMIT_CALLER_RATE", "unavailable": "503 PROVIDER_UNAVAILABLE",
        "down": "503 "},
    "python": {
        "valid": "account {account}", "rejected": "rejected: TOKEN_REJECTED", "malformed": "rejected: MALFORMED_TOKEN",
        "forbidden": "forbidden: CALLER_NOT_ALLOWED", "limited": "unavailable: LIMIT_CALLER_RATE",
        "unavailable": "unavailable: PROVIDER_UNAVAILABLE", "down": "unavailable: "},
}


def checks(name, doorman):
    """Each kind of response: its name, what the caller says, and a header of the caller's own response."""
    url = f"http://127.0.0.1:{doorman.port}"
    commands = {"php": ["php", f"{EXAMPLES}/verify.php"], "python": ["python3", f"{EXAMPLES}/verify.py"]}
    caller = Express(url) if name == "express" else CommandLine(commands[name], url)
    token, account = doorman.log_in(phone="+15551234567")
    try:
        yield "valid", account, caller.verdict(token)
        yield "valid", account, caller.verdict(token)
        yield "rejected", account, caller.verdict("EMAWunknown")
        yield "malformed", account, caller.verdict("a b")
        if name == "express":
            yield "malformed", account, caller.verdict(None)
        doorman.set_policy(Doorman.forbidden, token, 403)
        yield "forbidden", account, caller.verdict(token)
        doorman.set_policy(Doorman.limited, token, 429)
        doorman.ask(token)
        yield "limited", account, caller.verdict(token)
        doorman.set_policy(Doorman.allowed, token, 200)
        doorman.control("POST", "/emulator/fault?name=bad-gateway&endpoint=me")
        yield "unavailable", account, caller.verdict(doorman.log_in(phone="+15551234567")[0])
        doorman.control("DELETE", "/emulator/fault")
        doorman.process.terminate()
        doorman.process.wait()
        yield "down", account, caller.verdict(token)
    finally:
        caller.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", default=os.path.join(ROOT, ".build/debug"))
    parser.add_argument("names", nargs="+", choices=sorted(EXPECTED))
    options = parser.parse_args()
    failed = False
    for name in options.names:
        with tempfile.TemporaryDirectory(prefix="doorman-callers-") as folder:
            doorman = Doorman(os.path.abspath(options.programs), folder)
            try:
                for kind, account, (shown, header) in checks(name, doorman):
                    expected = EXPECTED[name][kind].format(account=account)
                    good = shown.startswith(expected) if kind == "down" else shown == expected
                    if name == "express" and shown == "401":
                        good = good and header.startswith("Bearer")
                    if name == "express" and shown == "503":
                        good = good and int(header) >= 1
                    failed = failed or not good
                    print(f"{name}: {kind}: {'ok' if good else f'FAILED: {shown!r} instead of {expected!r}'}", flush=True)
            finally:
                doorman.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
