"""Has doormand verify a token that is read from standard input."""

import http.client
import json
import sys
from urllib.parse import urlsplit


class Rejected(Exception):
    """A verdict: the token is not good."""


class Forbidden(Exception):
    """A verdict: the token is good, but the call is not allowed. The user stays logged in."""


class Unavailable(Exception):
    """No verdict. The user stays logged in. Try again after `retry_after` seconds."""

    def __init__(self, reason, retry_after=1):
        super().__init__(reason)
        self.retry_after = retry_after


class Doorman:
    """A connection to doormand. It stays open between calls. Not for several threads at the same time."""

    def __init__(self, url="http://127.0.0.1:7117", context=None):
        parts = urlsplit(url)
        if parts.scheme == "https":
            # The context has the authority, and this service's certificate if the server requires it.
            self.connection = http.client.HTTPSConnection(parts.netloc, timeout=2.5, context=context)
        else:
            self.connection = http.client.HTTPConnection(parts.netloc, timeout=2.5)

    def verify(self, token):
        """Returns the identity as a dictionary."""
        if not token.isascii() or not token.isprintable() or " " in token:
            raise Rejected("MALFORMED_TOKEN")
        for attempt in (1, 2):
            try:
                self.connection.request("POST", "/v1/verify", headers={"Authorization": "Bearer " + token})
                response = self.connection.getresponse()
                body = json.loads(response.read())
                break
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.connection.close()
                # The server may have closed the idle connection. A time-out is not repeated.
                if attempt == 2 or isinstance(error, (TimeoutError, ValueError)):
                    raise Unavailable(str(error)) from error
        if response.status == 200:
            return body
        reason = body.get("reason", body.get("code", ""))
        if response.status == 401:
            raise Rejected(reason)
        if response.status == 403:
            raise Forbidden(reason)
        raise Unavailable(reason, int(response.headers.get("Retry-After", 1)))


if __name__ == "__main__":
    try:
        identity = Doorman(*sys.argv[1:2]).verify(sys.stdin.readline().strip())
        print("account", identity["accountId"])
    except Rejected as rejected:
        sys.exit(f"rejected: {rejected}")
    except Forbidden as forbidden:
        sys.exit(f"forbidden: {forbidden}")
    except Unavailable as unavailable:
        sys.exit(f"unavailable: {unavailable}")
