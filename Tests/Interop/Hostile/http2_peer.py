"""A peer that speaks HTTP/2 as badly as a case wants. Needs the Python packages hpack and hyperframe, which h2 brings."""

import select
import struct
import time

import hpack
from hyperframe import frame as frames

from target import check

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, WITH_PRIORITY = 4, 8, 32

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR = range(7)
REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(7, 12)


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """Returns the bytes of a frame. The length can be wrong."""
    count = len(payload) if length is None else length
    return struct.pack(">I", count)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*entries):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *entry) for entry in entries))


def integer(value, bits, first=0):
    """Returns an integer of HPACK (RFC 7541 section 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    result = [first | most]
    value -= most
    while value >= 128:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes(result + [value])


def field(name, value, first=0):
    """Returns a literal header without validation. The first byte 0x40 adds it to the dynamic table."""
    name, value = (part.encode() if isinstance(part, str) else part for part in (name, value))
    return bytes([first]) + integer(len(name), 7) + name + integer(len(value), 7) + value


def block(*fields):
    return b"".join(field(*each) for each in fields)


def request(path="/auth", method="GET", *more, authority="gateway"):
    return [(":method", method), (":scheme", "http"), (":path", path), (":authority", authority), *more]


def grpc(*more, path="/doorman.v1.Auth/Verify"):
    return request(path, "POST", ("content-type", "application/grpc"), ("te", "trailers"), *more)


def headers(stream, fields, flags=END_HEADERS | END_STREAM):
    return frame(HEADERS, flags, stream, fields if isinstance(fields, bytes) else block(*fields))


def message(token):
    """Returns a VerifyRequest with its prefix of gRPC."""
    token = token.encode()
    body = b"\x0a" + integer_of_protobuf(len(token)) + token
    return b"\0" + struct.pack(">I", len(body)) + body


def integer_of_protobuf(value):
    result = b""
    while value > 127:
        result += bytes([value & 127 | 128])
        value >>= 7
    return result + bytes([value])


def call(stream, token, *more):
    """Returns the frames of a gRPC call."""
    return headers(stream, grpc(*more), END_HEADERS) + frame(DATA, END_STREAM, stream, message(token))


class Response:
    def __init__(self):
        self.fields = []
        self.body = b""
        self.has_ended = False

    def __getitem__(self, name):
        return next((value for key, value in self.fields if key == name), None)


class Peer:
    """A connection. It reads whenever it waits for something, and acknowledges nothing by itself."""

    def __init__(self, target, start=True, receive_buffer=None, first=settings()):
        self.connection = target.connect(receive_buffer)
        self.decoder = hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.buffer = b""
        self.responses, self.resets, self.acknowledged, self.pings = {}, {}, 0, []
        self.goaways, self.closed, self.frame_count, self.block, self.reset_count = [], False, 0, b"", 0
        if start:
            self.send(PREFACE + first)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send(self, data):
        """Sends all bytes. Reads meanwhile, as a client would. Does not fail if the server closes."""
        view = memoryview(data)
        self.connection.setblocking(False)
        end = time.monotonic() + 30
        while view and not self.closed:
            readable, writable, _ = select.select([self.connection], [self.connection], [], 1)
            if readable:
                self.receive()
            if writable and not self.closed:
                try:
                    view = view[self.connection.send(view[: 1 << 16]):]
                except BlockingIOError:
                    pass
                except OSError:
                    self.closed = True
            check(time.monotonic() < end, "the server does not read")

    def send_unread(self, data, seconds=30):
        """Sends without reading. Returns the number of bytes that the server took."""
        self.connection.setblocking(False)
        sent, end = 0, time.monotonic() + seconds
        while sent < len(data) and time.monotonic() < end:
            if not select.select([], [self.connection], [], 0.3)[1]:
                break
            try:
                sent += self.connection.send(data[sent: sent + (1 << 16)])
            except BlockingIOError:
                pass
            except OSError:
                self.closed = True
                break
        return sent

    def receive(self):
        try:
            more = self.connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self.closed = True
            return
        self.buffer += more
        offset = 0
        while len(self.buffer) - offset >= 9:
            header = memoryview(self.buffer)[offset: offset + 9]
            length = int.from_bytes(header[:3], "big")
            if len(self.buffer) - offset < 9 + length:
                break
            parsed, _ = frames.Frame.parse_frame_header(header)
            parsed.parse_body(memoryview(self.buffer)[offset + 9: offset + 9 + length])
            offset += 9 + length
            self.note(parsed)
        self.buffer = self.buffer[offset:]

    def note(self, received):
        self.frame_count += 1
        stream = received.stream_id
        if isinstance(received, (frames.HeadersFrame, frames.ContinuationFrame)):
            self.block += received.data
            if "END_HEADERS" in received.flags:
                response = self.responses.setdefault(stream, Response())
                response.fields += [
                    tuple(part.decode() if isinstance(part, bytes) else part for part in pair)
                    for pair in self.decoder.decode(self.block)
                ]
                self.block = b""
            if "END_STREAM" in received.flags:
                self.responses[stream].has_ended = True
        elif isinstance(received, frames.DataFrame):
            self.responses[stream].body += received.data
            if "END_STREAM" in received.flags:
                self.responses[stream].has_ended = True
        elif isinstance(received, frames.RstStreamFrame):
            self.resets[stream] = received.error_code
            self.reset_count += 1
        elif isinstance(received, frames.SettingsFrame):
            if "ACK" in received.flags:
                self.acknowledged += 1
        elif isinstance(received, frames.PingFrame):
            if "ACK" in received.flags:
                self.pings.append(received.opaque_data)
        elif isinstance(received, frames.GoAwayFrame):
            self.goaways.append(received.error_code)

    def wait(self, what, condition, seconds=10):
        self.connection.setblocking(False)
        end = time.monotonic() + seconds
        while not condition():
            check(not self.closed, "the server closed before:", what, "GOAWAY:", self.goaways)
            check(time.monotonic() < end, "did not happen:", what, "GOAWAY:", self.goaways, "resets:", dict(list(self.resets.items())[:5]))
            if select.select([self.connection], [], [], 0.2)[0]:
                self.receive()

    # Expectations

    def expect_end(self, *codes, seconds=10):
        """The server ends the connection, with one of these codes in its GOAWAY. Without codes any will do, or none."""
        self.wait_closed(seconds)
        if codes:
            check(any(code in codes for code in self.goaways), "GOAWAY:", self.goaways, "expected:", codes)

    def wait_closed(self, seconds=10):
        self.connection.setblocking(False)
        end = time.monotonic() + seconds
        while not self.closed:
            check(time.monotonic() < end, "the server keeps the connection open; GOAWAY:", self.goaways, "resets:", dict(list(self.resets.items())[:5]))
            if select.select([self.connection], [], [], 0.2)[0]:
                self.receive()

    def expect_reset(self, stream, *codes):
        self.wait(f"a reset of stream {stream}", lambda: stream in self.resets)
        check(not codes or self.resets[stream] in codes, "RST_STREAM:", self.resets[stream], "expected:", codes)

    def expect_response(self, stream, status="200", grpc_status=None):
        self.wait(f"a response on stream {stream}", lambda: self.has_ended(stream) or stream in self.resets)
        check(self.has_ended(stream), "the stream was reset:", self.resets.get(stream))
        response = self.responses[stream]
        check(response[":status"] == status, "status:", response[":status"], "expected:", status)
        if grpc_status is not None:
            check(response["grpc-status"] == grpc_status, "grpc-status:", response["grpc-status"], response["grpc-message"])
        return response

    def has_ended(self, stream):
        return stream in self.responses and self.responses[stream].has_ended

    def expect_alive(self):
        """The connection still works."""
        data = struct.pack(">Q", 0x1000 + len(self.pings))
        self.send(frame(PING, payload=data))
        self.wait("the connection works", lambda: data in self.pings)
        check(not self.goaways, "GOAWAY:", self.goaways)
