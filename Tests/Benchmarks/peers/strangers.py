"""Short-lived connections during a soak: some make a call, some reset, some end in the middle of a frame."""

import random
import socket
import struct
import threading

TIMEOUT = 10
# Reset instead of an orderly end: struct linger of socket(7).
RESET = struct.pack("ii", 1, 0)


def _bytes_field(number, value):
    length = len(value)
    digits = bytes([length & 0x7F | 0x80, length >> 7]) if length > 0x7F else bytes([length])
    return bytes([number << 3 | 2]) + digits + value


def verify_frame(token, stream_id=1):
    data = _bytes_field(1, b"doorman.v1.Auth") + _bytes_field(2, b"Verify") + _bytes_field(3, _bytes_field(1, token.encode()))
    return struct.pack(">IIBB", len(data), stream_id, 1, 0) + data


class Strangers:
    """Opens connections from a thread of its own at a constant rate."""

    def __init__(self, stack, port, tokens, per_second):
        self._port, self._tokens, self._pause = port, tokens, 1 / per_second
        self._rng = random.Random(1)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.count = 0
        self.failures = []
        self._thread.start()
        stack.callback(self.end)

    def end(self):
        self._is_over.set()
        self._thread.join()

    def _run(self):
        ways = [self._call, self._reset_unread, self._leave_mid_frame, self._reset_miss]
        while not self._is_over.wait(self._pause):
            self.count += 1
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT) as connection:
                    ways[self.count % len(ways)](connection)
            except OSError as error:
                self.failures.append(repr(error))

    def _call(self, connection):
        connection.sendall(verify_frame(self._rng.choice(self._tokens)))
        if len(connection.recv(1 << 16)) < 10:
            raise ConnectionError("no response")

    def _reset_unread(self, connection):
        connection.sendall(b"".join(verify_frame(self._rng.choice(self._tokens), 2 * n + 1) for n in range(50)))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def _leave_mid_frame(self, connection):
        frame = verify_frame(self._rng.choice(self._tokens))
        connection.sendall(frame[: self._rng.randrange(1, len(frame))])

    def _reset_miss(self, connection):
        # A unique unknown token: the provider request is in flight when the caller disconnects.
        connection.sendall(verify_frame(f"EMAW{self._rng.getrandbits(200):050x}"))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
