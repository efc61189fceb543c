"""Attacks the HTTP/2 of a doormand. `Tests/IntegrationTests/HostilePeerTests.swift` runs it."""

import struct
import sys
import time

import h2.config
import h2.connection
import h2.events

from http2_peer import *
from target import MEBIBYTE, Failed, Target, case, check, eventually, read_all, run


def answers_others(target):
    """Makes a call as a client in order does, by another implementation of HTTP/2."""
    target.answers_http1()
    with target.connect() as connection:
        client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        client.initiate_connection()
        stream = client.get_next_available_stream_id()
        client.send_headers(stream, grpc())
        client.send_data(stream, message(target.token), end_stream=True)
        connection.sendall(client.data_to_send())
        status = None
        while status is None:
            more = connection.recv(65536)
            check(more, "the server closed a client's connection")
            for event in client.receive_data(more):
                if isinstance(event, h2.events.TrailersReceived):
                    status = dict(event.headers).get(b"grpc-status")
                check(not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), "a client's call failed:", event)
            connection.sendall(client.data_to_send())
        check(status == b"0", "grpc-status of another client:", status)


def expect(data, *codes):
    """Makes a case: after the bytes the server ends the connection, with one of the codes."""

    def attack(target):
        with Peer(target) as peer:
            peer.send(data(target) if callable(data) else data)
            peer.expect_end(*codes)

    return attack


def expect_reset(data, *codes, stream=1):
    """Makes a case: after the bytes the server resets the stream, and the connection goes on."""

    def attack(target):
        with Peer(target) as peer:
            peer.send(data)
            peer.expect_reset(stream, *codes)
            peer.expect_alive()
            peer.send(headers(stream + 100, request("/auth", "GET", ("authorization", "Bearer " + target.token))))
            peer.expect_response(stream + 100)

    return attack


def add(name, attack):
    def each(target):
        attack(target)

    each.__doc__ = name
    case(each)


# The preface


@case
def bad_preface(target):
    """a preface with a wrong second line"""
    with Peer(target, start=False) as peer:
        peer.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings())
        peer.expect_end()


@case
def preface_of_http1(target):
    """a preface of HTTP/1.1"""
    with Peer(target, start=False) as peer:
        peer.send(b"PRI * HTTP/1.1\r\nHost: gateway\r\n\r\n")
        peer.expect_end()


@case
def preface_in_single_bytes(target):
    """a request in single bytes"""
    with Peer(target, start=False) as peer:
        for byte in PREFACE + settings() + call(1, target.token):
            peer.send(bytes([byte]))
        peer.expect_response(1, grpc_status="0")


@case
def half_preface(target):
    """half a preface, and nothing more"""
    with Peer(target, start=False) as peer:
        began = time.monotonic()
        peer.send(PREFACE[:20])
        peer.expect_end(seconds=target.frame_timeout + 5)
        check(time.monotonic() - began >= target.frame_timeout * 0.9, "closed too early")


@case
def preface_without_settings(target):
    """a preface without SETTINGS, and nothing more"""
    with Peer(target, start=False) as peer:
        peer.send(PREFACE)
        peer.expect_end(seconds=target.frame_timeout + 5)


@case
def first_frame(target):
    """a first frame other than SETTINGS"""
    with Peer(target, start=False) as peer:
        peer.send(PREFACE + frame(PING, payload=b"12345678"))
        peer.expect_end(PROTOCOL_ERROR)


@case
def preface_byte_per_second(target):
    """a preface at two bytes a second"""
    with Peer(target, start=False) as peer:
        end = time.monotonic() + target.frame_timeout + 5
        for byte in PREFACE:
            if peer.closed or time.monotonic() > end:
                break
            peer.send(bytes([byte]))
            time.sleep(0.5)
        peer.expect_end(seconds=1)


# SETTINGS

add("SETTINGS on a stream", expect(frame(SETTINGS, stream=1), PROTOCOL_ERROR))
add("SETTINGS of five bytes", expect(frame(SETTINGS, payload=b"\0" * 5), FRAME_SIZE_ERROR))
add("an acknowledgement of SETTINGS with a payload", expect(frame(SETTINGS, ACK, payload=b"\0" * 6), FRAME_SIZE_ERROR))
add("an acknowledgement of SETTINGS that were not sent", expect(frame(SETTINGS, ACK) * 5, PROTOCOL_ERROR))
add("an initial window of 2 GiB", expect(settings((4, 1 << 31)), FLOW_CONTROL_ERROR))
add("a maximum frame size of 100 bytes", expect(settings((5, 100)), PROTOCOL_ERROR))
add("a maximum frame size of 16 MiB", expect(settings((5, 1 << 24)), PROTOCOL_ERROR))
add("SETTINGS_ENABLE_PUSH of 2", expect(settings((2, 2)), PROTOCOL_ERROR))
add("SETTINGS with 1,000 entries", expect(settings(*[(0x100 + index, index) for index in range(1000)])))


@case
def unknown_settings(target):
    """unknown SETTINGS"""
    with Peer(target) as peer:
        peer.send(settings(*[(0x100 + index, 0xFFFFFFFF) for index in range(20)]))
        peer.expect_alive()


@case
def huge_header_table(target):
    """a header table of 4 GiB"""
    with Peer(target, first=settings((1, 0xFFFFFFFF))) as peer:
        for index in range(50):
            peer.send(headers(2 * index + 1, request(f"/unknown{index}")))
            peer.expect_response(2 * index + 1, "404")


@case
def no_header_table(target):
    """a header table that changes its size 1,000 times"""
    with Peer(target) as peer:
        for index in range(1000):
            peer.send(settings((1, 4096 * (index % 2))))
        peer.decoder.header_table_size = 4096
        peer.decoder.max_allowed_table_size = 1 << 20
        peer.send(headers(1, request("/unknown")))
        peer.expect_response(1, "404")


@case
def maximum_header_list_of_zero(target):
    """a maximum header list size of 0"""
    with Peer(target, first=settings((6, 0))) as peer:
        peer.send(headers(1, request("/unknown")))
        peer.wait("an answer", lambda: peer.has_ended(1) or 1 in peer.resets)


@case
def window_overflow_by_settings(target):
    """an initial window that makes a stream's window overflow"""
    with Peer(target, first=settings((4, 0))) as peer:
        peer.send(headers(1, request("/unknown")) + frame(WINDOW_UPDATE, stream=1, payload=struct.pack(">I", (1 << 31) - 1)))
        peer.send(headers(3, grpc(), END_HEADERS) + frame(WINDOW_UPDATE, stream=3, payload=struct.pack(">I", (1 << 31) - 1)))
        peer.send(settings((4, 1 << 20)))
        peer.wait("an end", lambda: peer.closed or peer.goaways or 3 in peer.resets)


# Frames on wrong streams, and of wrong lengths

add("HEADERS on stream 0", expect(headers(0, request()), PROTOCOL_ERROR))
add("HEADERS on an even stream", expect(headers(2, request()), PROTOCOL_ERROR))


@case
def decreasing_number(target):
    """a stream with a smaller number than the last"""
    with Peer(target) as peer:
        peer.send(headers(5, request("/unknown")))
        peer.expect_response(5, "404")
        peer.send(headers(3, request("/unknown")) + headers(7, request("/unknown")))
        peer.wait("an answer to a later stream, or an end", lambda: peer.closed or peer.goaways or peer.has_ended(7))
        check(3 not in peer.responses, "stream 3 has a response")


add("HEADERS of a stream after its end", expect(headers(1, request()) * 2, STREAM_CLOSED, PROTOCOL_ERROR))
add("DATA on stream 0", expect(frame(DATA, payload=b"x"), PROTOCOL_ERROR))
add("DATA on an idle stream", expect(frame(DATA, stream=1, payload=b"x"), PROTOCOL_ERROR))
add("RST_STREAM on stream 0", expect(frame(RST_STREAM, payload=b"\0" * 4), PROTOCOL_ERROR))
add("RST_STREAM on an idle stream", expect(frame(RST_STREAM, stream=1, payload=b"\0" * 4), PROTOCOL_ERROR))
add("RST_STREAM of three bytes", expect(frame(RST_STREAM, stream=1, payload=b"\0" * 3), FRAME_SIZE_ERROR))
add("PING on a stream", expect(frame(PING, stream=1, payload=b"\0" * 8), PROTOCOL_ERROR))
add("PING of seven bytes", expect(frame(PING, payload=b"\0" * 7), FRAME_SIZE_ERROR))
add("GOAWAY on a stream", expect(frame(GOAWAY, stream=1, payload=b"\0" * 8), PROTOCOL_ERROR))
add("GOAWAY of four bytes", expect(frame(GOAWAY, payload=b"\0" * 4), FRAME_SIZE_ERROR))
add("PUSH_PROMISE of a client", expect(headers(1, grpc(), END_HEADERS) + frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(*request())), PROTOCOL_ERROR))
add("CONTINUATION without HEADERS", expect(frame(CONTINUATION, END_HEADERS, 1, block(*request())), PROTOCOL_ERROR))
add("HEADERS without END_HEADERS before DATA", expect(headers(1, request(), 0) + frame(DATA, stream=1, payload=b"x"), PROTOCOL_ERROR))
add("HEADERS without END_HEADERS before PING", expect(headers(1, request(), 0) + frame(PING, payload=b"\0" * 8), PROTOCOL_ERROR))
add("CONTINUATION of another stream", expect(headers(1, request(), 0) + frame(CONTINUATION, END_HEADERS, 3), PROTOCOL_ERROR))
add("HEADERS on another stream between HEADERS and CONTINUATION", expect(headers(1, request(), 0) + headers(3, request()), PROTOCOL_ERROR))
add("a frame above the maximum size", expect(headers(1, grpc(), END_HEADERS) + frame(DATA, 0, 1, b"x" * 16385), FRAME_SIZE_ERROR))
add("a frame of 16 MiB that never comes", expect(headers(1, grpc(), END_HEADERS) + frame(DATA, 0, 1, b"", (1 << 24) - 1), FRAME_SIZE_ERROR))
add("WINDOW_UPDATE of 0 on the connection", expect(frame(WINDOW_UPDATE, payload=b"\0" * 4), PROTOCOL_ERROR))
add("WINDOW_UPDATE of three bytes", expect(frame(WINDOW_UPDATE, payload=b"\0" * 3), FRAME_SIZE_ERROR))
add("WINDOW_UPDATE on an idle stream", expect(frame(WINDOW_UPDATE, stream=9, payload=b"\0\0\0\1"), PROTOCOL_ERROR))
add("a window of the connection above 2 GiB", expect(frame(WINDOW_UPDATE, payload=b"\x7f\xff\xff\xff") * 2, FLOW_CONTROL_ERROR))
add("WINDOW_UPDATE of 0 on a stream", expect(headers(1, grpc(), END_HEADERS) + frame(WINDOW_UPDATE, stream=1, payload=b"\0" * 4), PROTOCOL_ERROR))
add("a window of a stream above 2 GiB", expect_reset(headers(1, grpc(), END_HEADERS) + frame(WINDOW_UPDATE, stream=1, payload=b"\x7f\xff\xff\xff") * 2, FLOW_CONTROL_ERROR))
add("DATA with more padding than its length", expect(headers(1, grpc(), END_HEADERS) + frame(DATA, PADDED, 1, b"\x05abc"), PROTOCOL_ERROR))
add("DATA with padding and no length of it", expect(headers(1, grpc(), END_HEADERS) + frame(DATA, PADDED, 1), PROTOCOL_ERROR, FRAME_SIZE_ERROR))
add("HEADERS with more padding than their length", expect(frame(HEADERS, PADDED | END_HEADERS, 1, b"\xff" + block(*request())), PROTOCOL_ERROR))
add("HEADERS with half a priority", expect(frame(HEADERS, WITH_PRIORITY | END_HEADERS, 1, b"\0\0"), PROTOCOL_ERROR, FRAME_SIZE_ERROR))


@case
def priority_lengths(target):
    """PRIORITY of a wrong length"""
    with Peer(target) as peer:
        peer.send(frame(PRIORITY, stream=1, payload=b"\0" * 4))
        peer.wait("an end", lambda: peer.closed or peer.goaways or peer.resets)


@case
def self_dependency(target):
    """a stream that depends on itself"""
    with Peer(target) as peer:
        peer.send(frame(HEADERS, WITH_PRIORITY | END_HEADERS | END_STREAM, 1, b"\0\0\0\1\x10" + block(*request("/unknown"))))
        peer.wait("an answer", lambda: peer.closed or peer.goaways or peer.resets or peer.has_ended(1))


@case
def unknown_frames(target):
    """frames of unknown types and with unknown flags"""
    with Peer(target) as peer:
        peer.send(b"".join(frame(0x20 + index, 0xFF, index % 7, b"x" * index) for index in range(100)))
        peer.send(frame(PING, 0xFE, payload=b"abcdefgh"))
        peer.expect_alive()


@case
def data_after_end(target):
    """DATA after the end of a request"""
    with target.slow_provider(300), Peer(target) as peer:
        peer.send(call(1, "EMAWafterend") + frame(DATA, END_STREAM, 1, b"more"))
        peer.wait("an end", lambda: peer.closed or peer.goaways or 1 in peer.resets)
        code = (peer.goaways + [peer.resets.get(1)])[0]
        check(code == STREAM_CLOSED, "code:", code)


@case
def many_data_after_end(target):
    """16 MiB of DATA on streams that have ended"""
    with Peer(target) as peer:
        peer.send(headers(1, request("/unknown")))
        peer.expect_response(1, "404")
        peer.send(frame(DATA, 0, 1, b"x" * 16384) * 1024)
        peer.send(frame(PING, payload=b"after it"))
        peer.wait("an end, or nothing", lambda: peer.closed or peer.goaways or b"after it" in peer.pings)


@case
def padding_only(target):
    """64 MiB of padding"""
    with Peer(target) as peer:
        peer.send(headers(1, grpc(), END_HEADERS))
        for _ in range(4000):
            peer.send(frame(DATA, PADDED, 1, b"\xff" + b"\0" * 255) * 64)
            if peer.closed or peer.goaways or peer.resets:
                break
        peer.wait("the server ends it", lambda: peer.closed or peer.goaways or peer.resets)


# HPACK

add("an index of HPACK that does not exist", expect(headers(1, b"\xff\x80\x01"), COMPRESSION_ERROR))
add("an index of HPACK of 0", expect(headers(1, b"\x80"), COMPRESSION_ERROR))
add("an integer of HPACK of 100 bytes", expect(headers(1, b"\xff" * 100), COMPRESSION_ERROR))
add("a table size of HPACK above the limit", expect(headers(1, integer(1 << 20, 5, 0x20) + block(*request())), COMPRESSION_ERROR))
add("a table size of HPACK after a header", expect(headers(1, block(*request()) + integer(0, 5, 0x20)), COMPRESSION_ERROR))
add("a length of HPACK beyond the block", expect(headers(1, b"\x00\x03abc" + integer(1000, 7) + b"x"), COMPRESSION_ERROR))
add("a header of HPACK that ends in its middle", expect(headers(1, block(*request()) + b"\x00\x05ab"), COMPRESSION_ERROR))
add("a string of HPACK with a bad Huffman code", expect(headers(1, b"\x00\x84\xff\xff\xff\xff\x00"), COMPRESSION_ERROR))


@case
def table_size_updates(target):
    """16,000 table size updates in a block"""
    with Peer(target) as peer:
        peer.send(headers(1, integer(0, 5, 0x20) * 16000 + block(*request())))
        peer.wait("an answer", lambda: peer.closed or peer.goaways or peer.has_ended(1))


@case
def bomb(target):
    """an HPACK bomb: one byte stands for 4 KiB"""
    value = "x" * 4000
    with Peer(target) as peer:
        peer.send(headers(1, block(*request("/unknown")) + field("bomb", value, 0x40)))
        peer.expect_response(1, "404")
        for index in range(1, 101):
            peer.send(headers(2 * index + 1, block(*request("/unknown")) + b"\xbe" * 15000))
            if peer.closed or peer.goaways:
                break
        peer.wait("the server ends it", lambda: peer.closed or peer.goaways or len(peer.resets) >= 100)


@case
def bomb_in_trailers(target):
    """an HPACK bomb in trailers"""
    value = "x" * 4000
    with Peer(target) as peer:
        peer.send(headers(1, block(*request("/unknown")) + field("bomb", value, 0x40)))
        peer.expect_response(1, "404")
        for index in range(1, 101):
            stream = 2 * index + 1
            peer.send(headers(stream, block(*grpc()), END_HEADERS) + headers(stream, b"\xbe" * 15000))
            if peer.closed or peer.goaways:
                break
        peer.wait("the server ends it", lambda: peer.closed or peer.goaways or len(peer.resets) + len(peer.responses) >= 101)


# Header lists


def in_frames(stream, data, size=16384, flags=END_STREAM):
    """Returns HEADERS, and CONTINUATION for the rest of a block."""
    parts = [data[start: start + size] for start in range(0, len(data), size)]
    kinds = [(HEADERS, flags)] + [(CONTINUATION, 0)] * (len(parts) - 1)
    return b"".join(
        frame(kind, flag | (END_HEADERS if index == len(parts) - 1 else 0), stream, part)
        for index, ((kind, flag), part) in enumerate(zip(kinds, parts)))


@case
def list_above_limit(target):
    """a header list of 40 KiB"""
    with Peer(target) as peer:
        peer.send(in_frames(1, block(*request("/auth")) + b"".join(field(f"x{index}", "y" * 1000) for index in range(40))))
        peer.expect_response(1, "431")
        peer.expect_alive()


@case
def many_small_headers(target):
    """16,000 empty headers"""
    with Peer(target) as peer:
        peer.send(in_frames(1, block(*request("/auth")) + b"\x00\x01a\x00" * 16000))
        peer.wait("an answer", lambda: peer.closed or peer.goaways or peer.resets or peer.has_ended(1))


@case
def continuation_flood(target):
    """a flood of CONTINUATION (CVE-2024-27316)"""
    with Peer(target) as peer:
        peer.send(headers(1, request(), END_STREAM))
        for index in range(20000):
            peer.send(frame(CONTINUATION, 0, 1, field("x", "y" * 1000)))
            if peer.closed or peer.goaways:
                break
        peer.expect_end()
        check(index < 10_000, "the server took", index, "frames")


@case
def empty_continuation_flood(target):
    """a flood of empty CONTINUATION"""
    with Peer(target) as peer:
        peer.send(headers(1, request(), END_STREAM) + frame(CONTINUATION, 0, 1) * 20000)
        peer.expect_end()


@case
def block_without_end(target):
    """100 connections with a header block that never ends"""
    peers = [Peer(target) for _ in range(100)]
    for peer in peers:
        peer.send(headers(1, block(*request()) + field("x", "y" * 15000), END_STREAM))
    for peer in peers:
        peer.wait_closed(target.frame_timeout * 2 + 10)
        peer.connection.close()


# The form of requests

for name, fields in [
    ("an upper-case header name", request("/auth", "GET", ("X-Upper", "1"))),
    ("the header connection", request("/auth", "GET", ("connection", "close"))),
    ("the header transfer-encoding", request("/auth", "POST", ("transfer-encoding", "chunked"))),
    ("the header te with a coding", request("/auth", "GET", ("te", "gzip"))),
    ("the header keep-alive", request("/auth", "GET", ("keep-alive", "1"))),
    ("the header proxy-connection", request("/auth", "GET", ("proxy-connection", "close"))),
    ("the header upgrade", request("/auth", "GET", ("upgrade", "h2c"))),
    ("a pseudo-header after a regular one", [(":method", "GET"), (":scheme", "http"), ("a", "b"), (":path", "/auth"), (":authority", "a")]),
    (":method twice", request("/auth", "GET", (":method", "POST"))),
    (":path twice", request("/auth", "GET", (":path", "/v1/verify"))),
    (":authority twice", request("/auth", "GET", (":authority", "localhost"))),
    ("an unknown pseudo-header", request("/auth", "GET", (":secret", "1"))),
    (":status in a request", request("/auth", "GET", (":status", "200"))),
    ("no :method", request()[1:]),
    ("no :path", [each for each in request() if each[0] != ":path"]),
    ("no :scheme", [each for each in request() if each[0] != ":scheme"]),
    ("an empty :path", request("")),
    (":path * of GET", request("*")),
    (":path without a slash", request("auth")),
    ("an empty header name", request("/auth", "GET", ("", "1"))),
    ("a header name with a space", request("/auth", "GET", ("a b", "1"))),
    ("a header name with a colon", request("/auth", "GET", ("a:b", "1"))),
    ("a header value with a line feed", request("/auth", "GET", ("a", "b\r\nx-doorman-account-id: 1"))),
    ("a header value with a zero byte", request("/auth", "GET", ("authorization", "Bearer a\0b"))),
    ("a :path with a line feed", request("/auth\r\nx: y")),
    ("a :method with a space", request("/auth", "GET /auth")),
    ("an :authority with a line feed", request("/auth", authority="a\r\nb")),
    ("two different headers content-length", request("/v1/verify", "POST", ("content-length", "1"), ("content-length", "2"))),
    ("a negative content-length", request("/v1/verify", "POST", ("content-length", "-1"))),
    ("a content-length with a plus", request("/v1/verify", "POST", ("content-length", "+1"))),
    ("a content-length above 64 bits", request("/v1/verify", "POST", ("content-length", "9" * 30))),
    ("a content-length without a body", request("/v1/verify", "POST", ("content-length", "5"))),
    ("CONNECT with a path", request("/auth", "CONNECT")),
    ("extended CONNECT", request("/auth", "CONNECT", (":protocol", "websocket"))),
]:
    add(name, expect_reset(headers(1, fields), PROTOCOL_ERROR))


@case
def connect_method(target):
    """CONNECT opens no tunnel"""
    with Peer(target) as peer:
        peer.send(headers(1, [(":method", "CONNECT"), (":authority", "127.0.0.1:22")], END_HEADERS) + frame(DATA, 0, 1, b"SSH-2.0-x\r\n"))
        peer.wait("an answer", lambda: peer.has_ended(1) or 1 in peer.resets)
        check(not peer.has_ended(1) or peer.responses[1][":status"] == "404", "status:", peer.responses.get(1) and peer.responses[1].fields)
        peer.expect_alive()


@case
def authorities(target):
    """an authority of another site at /v1 on loopback"""
    form = ("content-type", "application/json")
    body = b'{"token": "EMAWauthority"}'
    with Peer(target) as peer:
        stream = 1
        for fields in [
            request("/v1/verify", "POST", form, authority="evil.example"),
            request("/v1/verify", "POST", form, authority="evil.example:80"),
            request("/v1/verify", "POST", form, authority="localhost.evil.example"),
            request("/v1/verify", "POST", form, authority="127.0.0.1.evil.example"),
            request("/v1/verify", "POST", form, authority="localhost@evil.example"),
            request("/v1/verify", "POST", form, authority="evil.example#localhost"),
            request("/v1/verify", "POST", form, ("host", "localhost"), authority="evil.example"),
            request("/v1/verify", "POST", form, authority=""),
        ]:
            peer.send(headers(stream, fields, END_HEADERS) + frame(DATA, END_STREAM, stream, body))
            peer.wait("an answer", lambda: peer.has_ended(stream) or stream in peer.resets)
            if peer.has_ended(stream):
                status = peer.responses[stream][":status"]
                check(status in ("400", "403", "421"), fields[3:], "status:", status)
            stream += 2


# Bodies


@case
def body_above_content_length(target):
    """a body beyond its content-length"""
    with Peer(target) as peer:
        fields = request("/v1/verify", "POST", ("content-type", "application/json"), ("content-length", "5"), authority="localhost")
        peer.send(headers(1, fields, END_HEADERS) + frame(DATA, END_STREAM, 1, b"x" * 50))
        peer.expect_reset(1, PROTOCOL_ERROR)
        peer.expect_alive()


@case
def body_below_content_length(target):
    """a body shorter than its content-length"""
    with Peer(target) as peer:
        fields = request("/v1/verify", "POST", ("content-type", "application/json"), ("content-length", "50"), authority="localhost")
        peer.send(headers(1, fields, END_HEADERS) + frame(DATA, END_STREAM, 1, b"x" * 5))
        peer.expect_reset(1, PROTOCOL_ERROR)
        peer.expect_alive()


@case
def empty_bodies(target):
    """an empty body where one is needed"""
    with Peer(target) as peer:
        form = [("authorization", "Basic eDp5"), ("content-type", "application/x-www-form-urlencoded")]
        for index, (path, more) in enumerate(
            [("/v1/exchange", [("content-type", "application/json")]), ("/v1/revoke", [("content-type", "application/json")]), ("/oauth2/introspect", form)]):
            fields = request(path, "POST", *more, authority="localhost")
            peer.send(headers(4 * index + 1, fields) + headers(4 * index + 3, fields, END_HEADERS) + frame(DATA, END_STREAM, 4 * index + 3))
            peer.expect_response(4 * index + 1, "400")
            peer.expect_response(4 * index + 3, "400")


@case
def trailers_without_end(target):
    """trailers that do not end the stream"""
    with Peer(target) as peer:
        peer.send(headers(1, grpc(), END_HEADERS) + headers(1, [("a", "b")], END_HEADERS))
        peer.wait("an end", lambda: peer.closed or peer.goaways or peer.resets)


@case
def trailers_with_pseudo_headers(target):
    """trailers with pseudo-headers"""
    with Peer(target) as peer:
        peer.send(headers(1, grpc(), END_HEADERS) + frame(DATA, 0, 1, message(target.token)) + headers(1, [(":path", "/auth")]))
        peer.expect_reset(1, PROTOCOL_ERROR)
        peer.expect_alive()


@case
def trailers_with_authorization(target):
    """a token in trailers does not count"""
    with Peer(target) as peer:
        fields = request("/v1/verify", "POST", ("content-type", "application/json"), authority="localhost")
        trailers = [("authorization", "Bearer " + target.token), ("x-doorman-account-id", "1")]
        peer.send(headers(1, fields, END_HEADERS) + frame(DATA, 0, 1, b"{}") + headers(1, trailers))
        peer.wait("an answer", lambda: peer.has_ended(1))
        check(peer.responses[1][":status"] in ("400", "401"), "status:", peer.responses[1][":status"])


@case
def message_of_4_gib(target):
    """a gRPC message that announces 4 GiB"""
    with Peer(target) as peer:
        peer.send(headers(1, grpc(), END_HEADERS) + frame(DATA, END_STREAM, 1, b"\0\xff\xff\xff\xffabc"))
        response = peer.expect_response(1)
        check(response["grpc-status"] not in (None, "0"), "grpc-status:", response["grpc-status"])


@case
def body_of_64_mib(target):
    """a body of 64 MiB that is not read"""
    for path, form in [("/doorman.v1.Auth/Verify", "application/grpc"), ("/v1/verify", "application/json"), ("/unknown", "text/plain")]:
        with Peer(target) as peer:
            fields = request(path, "POST", ("content-type", form), ("te", "trailers"), authority="localhost")
            peer.send(headers(1, fields, END_HEADERS))
            for _ in range(64):
                peer.send(frame(DATA, 0, 1, b"x" * 16384) * 64)
                if peer.closed or peer.goaways:
                    break
            peer.wait("the server ends it", lambda: peer.closed or peer.goaways or 1 in peer.resets or peer.has_ended(1))


@case
def half_bodies(target):
    """3,000 streams with half a body"""
    with Peer(target) as peer:
        for index in range(3000):
            stream = 2 * index + 1
            peer.send(headers(stream, grpc(), END_HEADERS) + frame(DATA, 0, stream, message("EMAW" + "x" * 100)[:50]))
            if peer.closed or peer.goaways:
                break
        check(target.resident() > 0)
        peer.wait("all streams end", lambda: peer.closed or peer.goaways or len(peer.resets) == 3000, target.frame_timeout + 10)


@case
def large_half_bodies(target):
    """1,000 streams with 16 KiB of a body on ten connections"""
    peers = [Peer(target) for _ in range(10)]
    for peer in peers:
        for index in range(100):
            stream = 2 * index + 1
            peer.send(headers(stream, grpc(), END_HEADERS) + frame(DATA, 0, stream, b"\0\0\0\xff\xff" + b"x" * 16000))
            if peer.closed or peer.goaways:
                break
    for peer in peers:
        peer.wait("all streams end", lambda: peer.closed or peer.goaways or len(peer.resets) == 100, target.frame_timeout + 10)
        peer.connection.close()


@case
def large_heads(target):
    """1,000 streams with 30 KiB of headers and no body"""
    value = "x" * 30000
    with Peer(target) as peer:
        for index in range(1000):
            stream = 2 * index + 1
            peer.send(in_frames(stream, block(*grpc(("x", value))), flags=0))
            if peer.closed or peer.goaways:
                break
        peer.wait("all streams end", lambda: peer.closed or peer.goaways or len(peer.resets) == 1000, target.frame_timeout + 10)


# Floods


def flood(name, make, seconds=2, most=64 * MEBIBYTE):
    """Makes a case: a flood without a read of the answers. The server ends it, or survives it."""

    def attack(target):
        with Peer(target, receive_buffer=4096) as peer:
            end, sent = time.monotonic() + seconds, 0
            data = make()
            while time.monotonic() < end and not peer.closed and sent < most:
                taken = peer.send_unread(data, 1)
                sent += taken
                if taken < len(data):
                    break
            answers_others(target)
            # What the server queued for the peer is written or dropped.
            peer.connection.setblocking(False)

    add(name, attack)


flood("a flood of PING (CVE-2019-9512)", lambda: frame(PING, payload=b"12345678") * 4000)
flood("a flood of SETTINGS (CVE-2019-9515)", lambda: settings() * 7000)
flood("a flood of empty DATA (CVE-2019-9518)", lambda: frame(DATA, 0, 1) * 7000)
flood("a flood of PRIORITY (CVE-2019-9513)", lambda: b"".join(frame(PRIORITY, 0, 2 * index + 1, b"\0\0\0\0\x10") for index in range(4000)))
flood("a flood of WINDOW_UPDATE", lambda: frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 5000)
flood("a flood of unknown frames", lambda: frame(0x77, 0, 0, b"") * 7000)
flood("a flood of SETTINGS with windows", lambda: b"".join(settings((4, index % 2 * 65535)) for index in range(4000)))


@case
def empty_data_on_open_stream(target):
    """a flood of empty DATA on an open stream"""
    with Peer(target) as peer:
        peer.send(headers(1, grpc(), END_HEADERS))
        end = time.monotonic() + target.frame_timeout + 5
        while 1 not in peer.resets and not peer.closed:
            peer.send(frame(DATA, 0, 1) * 2000)
            check(time.monotonic() < end, "the stream stays open")


def reset_flood(target, fields, count, slow):
    """Opens and resets streams. Returns how many the server took."""
    with target.slow_provider(slow), Peer(target) as peer:
        for index in range(count):
            stream = 2 * index + 1
            body = frame(DATA, END_STREAM, stream, message(f"EMAWreset{index}"))
            peer.send(headers(stream, fields, END_HEADERS) + body + frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))
            if peer.closed or peer.goaways:
                return peer, index
        return peer, count


def check_calm(peer):
    """The server said ENHANCE_YOUR_CALM. The end of a connection with unread bytes may discard it."""
    check(not peer.goaways or ENHANCE_YOUR_CALM in peer.goaways, "GOAWAY:", peer.goaways)


@case
def rapid_reset(target):
    """rapid reset (CVE-2023-44487) of calls in flight"""
    peer, count = reset_flood(target, grpc(), 100_000, 500)
    check(count < 100_000, "the server took", count, "resets", peer.goaways)
    check_calm(peer)


@case
def rapid_reset_with_deadline(target):
    """rapid reset of calls with a long grpc-timeout"""
    peer, count = reset_flood(target, grpc(("grpc-timeout", "10S")), 100_000, 500)
    check(count < 100_000, "the server took", count, "resets", peer.goaways)
    check_calm(peer)


@case
def rapid_reset_after_deadline(target):
    """rapid reset of calls whose grpc-timeout is over"""
    with target.slow_provider(500), Peer(target) as peer:
        for index in range(0, 40_000, 50):
            streams = [2 * number + 1 for number in range(index, index + 50)]
            peer.send(b"".join(call(stream, f"EMAWover{stream}", ("grpc-timeout", "1m")) for stream in streams))
            time.sleep(0.002)
            peer.send(b"".join(frame(RST_STREAM, 0, stream, b"\0\0\0\x08") for stream in streams))
            if peer.closed or peer.goaways:
                break
        print(f"  the server took {index} resets, GOAWAY {peer.goaways}")


@case
def rapid_reset_with_short_deadline(target):
    """rapid reset of calls with a grpc-timeout of a millisecond"""
    peer, count = reset_flood(target, grpc(("grpc-timeout", "1m")), 20_000, 500)
    print(f"  the server took {count} resets, GOAWAY {peer.goaways}")


@case
def rapid_reset_of_answered(target):
    """rapid reset of requests that are answered at once"""
    with Peer(target) as peer:
        for index in range(100_000):
            stream = 2 * index + 1
            peer.send(headers(stream, request("/unknown")) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))
            if peer.closed or peer.goaways:
                break
        print(f"  the server took {index} resets, GOAWAY {peer.goaways}")


@case
def rapid_reset_of_heads(target):
    """rapid reset of requests without a body"""
    with Peer(target) as peer:
        for index in range(100_000):
            stream = 2 * index + 1
            peer.send(headers(stream, grpc(), END_HEADERS) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))
            if peer.closed or peer.goaways:
                break
        check(index < 99_999, "the server took", index, "resets")
        peer.expect_end()
        check_calm(peer)


def made_you_reset(name, ruin):
    """Makes a case of CVE-2025-8671: frames that make the server reset streams whose calls are in flight."""

    def attack(target):
        with target.slow_provider(500), Peer(target) as peer:
            for index in range(100_000):
                stream = 2 * index + 1
                peer.send(call(stream, f"EMAWmade{index}") + ruin(stream))
                if peer.closed or peer.goaways:
                    break
            check(index < 99_999, "the server took", index, "resets, and sent", peer.reset_count)
            peer.expect_end(seconds=10)

    add(name, attack)


made_you_reset("MadeYouReset (CVE-2025-8671) by WINDOW_UPDATE of 0", lambda stream: frame(WINDOW_UPDATE, 0, stream, b"\0" * 4))
made_you_reset("MadeYouReset by a window above 2 GiB", lambda stream: frame(WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff"))
made_you_reset("MadeYouReset by DATA after the end", lambda stream: frame(DATA, 0, stream, b"x"))
made_you_reset("MadeYouReset by HEADERS after the end", lambda stream: headers(stream, [("a", "b")]))
made_you_reset("MadeYouReset by PRIORITY of a wrong length", lambda stream: frame(PRIORITY, 0, stream, b"\0" * 4))


@case
def malformed_requests(target):
    """100,000 malformed requests"""
    with Peer(target) as peer:
        for index in range(100_000):
            peer.send(headers(2 * index + 1, request("/auth", "GET", ("Upper", "1"))))
            if peer.closed or peer.goaways:
                break
        print(f"  the server took {index} requests, GOAWAY {peer.goaways}")


# Clients that do not read


@case
def closed_window(target):
    """a client whose window is 0 for good"""
    with Peer(target, first=settings((4, 0))) as peer:
        for index in range(5000):
            peer.send(call(2 * index + 1, target.token))
            if peer.closed or peer.goaways:
                break
        peer.expect_end(seconds=target.write_timeout + 10)


@case
def window_of_single_bytes(target):
    """a client that opens its window by single bytes"""
    with Peer(target, first=settings((4, 0))) as peer:
        for index in range(500):
            peer.send(call(2 * index + 1, target.token))
        for round in range(int(target.write_timeout * 3 / 0.2)):
            peer.send(frame(WINDOW_UPDATE, 0, 1 + 2 * (round % 100), b"\0\0\0\1"))
            time.sleep(0.2)
            check(not peer.closed, "the server closed a slow client in round", round)
        peer.send(settings((4, 65535)) + frame(WINDOW_UPDATE, 0, 0, b"\0\x0f\xff\xff"))
        peer.wait("all answers", lambda: sum(each.has_ended for each in peer.responses.values()) == 500)


@case
def client_that_never_reads(target):
    """a client that never reads"""
    with Peer(target, receive_buffer=4096) as peer:
        data, sent, stream = b"", 0, 1
        while sent == len(data) and not peer.closed:
            # Responses without a body pass the peer's windows.
            data = b"".join(headers(stream + 2 * index, grpc(path="/x")) for index in range(1000))
            stream += 2000
            sent = peer.send_unread(data, 2)
            check(stream < 4_000_000, "the server reads on")
        end = time.monotonic() + target.write_timeout + 10
        while not peer.closed:
            check(time.monotonic() < end, "the server keeps the connection open")
            peer.send_unread(b"\0", 0.4)
            time.sleep(0.2)


@case
def thousands_of_streams(target):
    """3,000 calls at once, of which the server takes a bounded number"""
    with target.slow_provider(300), Peer(target) as peer:
        for index in range(3000):
            peer.send(call(2 * index + 1, f"EMAWmany{index}"))
        peer.wait("all end", lambda: len(peer.resets) + sum(each.has_ended for each in peer.responses.values()) >= 3000, 20)
        check(not peer.goaways, "GOAWAY:", peer.goaways)
        peer.expect_alive()


# Ends of connections


@case
def goaway_of_client(target):
    """GOAWAY of the client with calls in flight"""
    with target.slow_provider(300), Peer(target) as peer:
        peer.send(b"".join(call(2 * index + 1, f"EMAWgo{index}") for index in range(20)) + frame(GOAWAY, payload=b"\0" * 8))
        peer.wait("all answers", lambda: sum(each.has_ended for each in peer.responses.values()) == 20)
        peer.expect_end(seconds=2)


@case
def goaway_flood(target):
    """1,000 GOAWAY of the client"""
    with Peer(target) as peer:
        peer.send(call(1, target.token) + frame(GOAWAY, payload=b"\0" * 8 + b"x" * 1000) * 1000)
        peer.wait_closed()


@case
def end_with_calls(target):
    """a client that goes away with calls in flight"""
    with target.slow_provider(300):
        for _ in range(50):
            with Peer(target) as peer:
                peer.send(b"".join(call(2 * index + 1, f"EMAWaway{index}") for index in range(20)))


@case
def half_close(target):
    """a client that ends its side with a call in flight"""
    with target.slow_provider(200), Peer(target) as peer:
        peer.send(call(1, "EMAWhalf"))
        peer.connection.shutdown(1)
        peer.expect_response(1, grpc_status="16")
        peer.expect_end()


@case
def half_close_at_each_byte(target):
    """a client that ends its side at each byte of a request"""
    data = PREFACE + settings() + call(1, "EMAWbyte")
    for count in range(1, len(data)):
        with Peer(target, start=False) as peer:
            peer.send(data[:count])
            peer.connection.shutdown(1)
            peer.wait_closed(target.frame_timeout + 5)


@case
def many_connections(target):
    """1,000 connections that end after their preface"""
    for _ in range(1000):
        with Peer(target):
            pass


@case
def head_byte_per_second(target):
    """a request at ten bytes a second"""
    with Peer(target) as peer:
        end = time.monotonic() + target.frame_timeout + 6
        for byte in headers(1, request("/auth", "GET", ("authorization", "Bearer EMAW" + "x" * 300))):
            if peer.closed or peer.resets or time.monotonic() > end:
                break
            peer.send(bytes([byte]))
            time.sleep(0.1)
        peer.wait("the server ends the stream", lambda: peer.closed or peer.resets, 2)


if __name__ == "__main__":
    target = Target()
    sys.exit(run(target, lambda: answers_others(target), lambda: thousands_of_streams(target)))
