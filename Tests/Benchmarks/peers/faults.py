"""Has the provider fail in one way after the other, with quiet between, for as long as a soak lasts."""

import threading
import urllib.request

# None of them is a refusal: whoever was known before stays so, and no call about it may fail.
FAULTS = [
    "name=latency&milliseconds=300", "name=bad-gateway", "name=hang", "name=throttled", "name=reset", "name=service-unavailable",
    "name=truncated-json", "name=bare-too-many-requests&retry_after=1", "name=go-away", "name=hang&probability=30%25",
    "name=oversized-body", "name=slow-body", "name=unknown-error", "name=empty-body",
]


class Faults:
    """Injected from a thread of its own; the emulator ends each by itself, so none is left if this program is killed."""

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
        """Waits for the fault that is on, and leaves the provider well."""
        self._is_over.set()
        self._thread.join()
        try:
            self._ask("DELETE", "fault")
        except OSError as error:
            self.problem = self.problem or str(error)

    def _ask(self, method, path):
        request = urllib.request.Request(f"{self._base}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def _run(self):
        turn = 0
        while not self._is_over.wait(self._quiet):
            fault = FAULTS[turn % len(FAULTS)]
            turn += 1
            try:
                self._ask("POST", f"fault?{fault}&endpoint=me&for_milliseconds={self._seconds * 1000:.0f}")
                self.injected.append(fault)
            except OSError as error:
                # One more failure than was asked for; the last one is told.
                self.problem = f"{fault}: {error}"
            if self._is_over.wait(self._seconds):
                return
