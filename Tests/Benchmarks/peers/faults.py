"""Injects one fault after another into the provider during a soak, with pauses in between."""

import threading
import urllib.request

# No fault causes a rejection: cached tokens stay valid, and no call with them may fail.
FAULTS = [
    "name=latency&milliseconds=300", "name=bad-gateway", "name=hang", "name=throttled", "name=reset", "name=service-unavailable",
    "name=truncated-json", "name=bare-too-many-requests&retry_after=1", "name=go-away", "name=hang&probability=30%25",
    "name=oversized-body", "name=slow-body", "name=unknown-error", "name=empty-body",
]


class Faults:
    """Injects faults from a thread of its own. The emulator ends each fault, so none is left if this program is killed."""

    def __init__(self, stack, port, seconds, quiet):
        self._base = f"http://127.0.0.1:{port}/emulator"
        self._seconds, self._quiet = seconds, quiet
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.injected = []
        self.problem = None
        self._thread.start()
        stack.callback(self.end)

    def end(self):
        """Waits for the current fault to end, and clears all faults."""
        self._is_over.set()
        self._thread.join()
        try:
            self._send("DELETE", "fault")
        except OSError as error:
            self.problem = self.problem or str(error)

    def _send(self, method, path):
        request = urllib.request.Request(f"{self._base}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()

    def _run(self):
        turn = 0
        while not self._is_over.wait(self._quiet):
            fault = FAULTS[turn % len(FAULTS)]
            turn += 1
            try:
                self._send("POST", f"fault?{fault}&endpoint=me&for_milliseconds={self._seconds * 1000:.0f}")
                self.injected.append(fault)
            except OSError as error:
                # An unplanned failure. The last one is reported.
                self.problem = f"{fault}: {error}"
            if self._is_over.wait(self._seconds):
                return
