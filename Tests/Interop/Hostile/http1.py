"""Attacks the HTTP/1.1 of a doormand, and plays a browser on another site. `Tests/IntegrationTests/HostilePeerTests.swift` runs it.
Needs only Python's own library.
"""

import json
import os
import select
import socket
import sys
import time

from target import MEBIBYTE, Failed, Target, case, check, eventually, read_all, run

SECOND = b"GET /smuggled HTTP/1.1\r\nHost: gateway\r\n\r\n"
JSON = b"Content-Type: application/json\r\n"


def responses_of(answer):
    """Splits bytes into responses as (status, headers, body)."""
    found = []
    while answer:
        head, separator, answer = answer.partition(b"\r\n\r\n")
        check(separator and head.startswith(b"HTTP/1."), "not a response:", head[:100])
        lines = head.decode("latin-1").split("\r\n")
        fields = [line.split(": ", 1) if ": " in line else [line.rstrip(":"), ""] for line in lines[1:]]
        length = next((int(value) for name, value in fields if name.lower() == "content-length"), 0)
        status = int(lines[0].split(" ")[1])
        if status != 100:
            found.append((status, fields, answer[:length]))
        answer = answer[length:]
    return found


def exchange(target, data, seconds=10, ends=True):
    """Sends bytes and the end of the input, and returns the responses."""
    with target.connect() as connection:
        try:
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return responses_of(read_all(connection, seconds))


def one(target, data, *statuses):
    """The server answers once, and closes although the peer keeps its side open."""
    answers = exchange(target, data, ends=False, seconds=target.frame_timeout + 5)
    check(len(answers) == 1, "responses:", [each[0] for each in answers])
    check(answers[0][0] in statuses, "status:", answers[0][0], "expected:", statuses)
    return answers[0]


def answered(target, data, *statuses):
    """The server answers with these statuses, in this order."""
    found = [each[0] for each in exchange(target, data)]
    check(found == list(statuses), "statuses:", found, "expected:", statuses)


def refused(name, data):
    """Makes a case: the server answers 400 and closes. What follows is never a request."""

    def each(target):
        one(target, data + SECOND, 400, 431, 501, 505)

    each.__doc__ = name
    case(each)


def silent(name, data):
    """Makes a case: the server closes without a response."""

    def each(target):
        found = exchange(target, data, ends=False, seconds=target.frame_timeout + 5)
        check(not found, "statuses:", [each[0] for each in found])

    each.__doc__ = name
    case(each)


def preface(data):
    """Makes a case: the server takes the bytes for HTTP/2, and closes."""

    def each(target):
        with target.connect() as connection:
            connection.sendall(data)
            check(b"HTTP/1." not in read_all(connection, target.frame_timeout + 5), "a response of HTTP/1.1")

    each.__doc__ = f"{data[:15]!r}, which begins as the preface of HTTP/2"
    case(each)


def post(fields, body=b"", path=b"/v1/verify", host=b"localhost"):
    return b"POST " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + JSON + fields + b"\r\n" + body


def get(fields=b"", path=b"/auth", host=b"gateway"):
    return b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + fields + b"\r\n"


# Request smuggling: where a body ends

CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
refused("CL.TE: a length, then chunks", post(b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", CHUNKS))
refused("TE.CL: chunks, then a length", post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", CHUNKS))
refused("chunks with a length of 0", post(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", CHUNKS))
for value in [
    b"identity", b"xchunked", b"chunked, identity", b"chunked;q=1", b"chunkedx", b"chunk", b"\x0bchunked", b"chunked\x00", b'"chunked"',
    b"chunked,,", b"",
]:
    refused(f"the transfer coding {value!r}", post(b"Transfer-Encoding: " + value + b"\r\n", CHUNKS))
refused("TE.TE: two transfer codings, the last is unknown", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", CHUNKS))
refused("TE.TE: two transfer codings, the first is unknown", post(b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n", CHUNKS))
refused("TE.TE: chunked twice", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKS))
refused("gzip before chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS))
refused("a space before the colon of the transfer coding", post(b"Transfer-Encoding : chunked\r\n", CHUNKS))
refused("a tab before the colon of the transfer coding", post(b"Transfer-Encoding\t: chunked\r\n", CHUNKS))
refused("a transfer coding on a folded line", post(b"X: y\r\n Transfer-Encoding: chunked\r\n", CHUNKS))
refused("a folded transfer coding", post(b"Transfer-Encoding:\r\n chunked\r\n", CHUNKS))
refused("chunks in HTTP/1.0", b"POST /v1/verify HTTP/1.0\r\nHost: localhost\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS)
for value in [b"+2", b"-2", b"2, 2", b"2,2", b"0x2", b"2_0", b"1e0", b"2 2", b"", b"99999999999999999999", b"18446744073709551618", b"\xd9\xa2", b"2;"]:
    refused(f"the length {value!r}", post(b"Content-Length: " + value + b"\r\n", b"{}"))
refused("a length twice", post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"))
refused("two different lengths", post(b"Content-Length: 2\r\nContent-Length: 0\r\n", b"{}"))
refused("a space before the colon of the length", post(b"Content-Length : 2\r\n", b"{}"))
refused("a length after a zero byte", post(b"X: a\0b\r\nContent-Length: 2\r\n", b"{}"))
refused("a length of HTTP/1.0 twice", b"POST /v1/verify HTTP/1.0\r\n" + JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")
for size in [b"0x2", b"+2", b"-2", b"2 ", b" 2", b"", b"g", b"FFFFFFFFFFFFFFFFF", b"2\t", b"2\x0b"]:
    refused(f"the chunk size {size!r}", post(b"Transfer-Encoding: chunked\r\n", size + b"\r\n{}\r\n0\r\n\r\n"))
refused("a chunk size with a bare line feed", post(b"Transfer-Encoding: chunked\r\n", b"2\n{}\r\n0\r\n\r\n"))
refused("a chunk extension with a bare line feed", post(b"Transfer-Encoding: chunked\r\n", b"2;a\n{}\r\n0\r\n\r\n"))
refused("a chunk extension with a bare carriage return", post(b"Transfer-Encoding: chunked\r\n", b"2;a\rb\r\n{}\r\n0\r\n\r\n"))
refused("a chunk without its end", post(b"Transfer-Encoding: chunked\r\n", b"2\r\n{}0\r\n\r\n"))
refused("a chunk longer than its size", post(b"Transfer-Encoding: chunked\r\n", b"2\r\n{}XX\r\n0\r\n\r\n"))
refused("chunks that end with a bare line feed", post(b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\n0\r\n\r\n"))

# Request smuggling: where a header ends

refused("a bare line feed after the request line", b"GET /auth HTTP/1.1\nHost: gateway\r\n\r\n")
refused("a bare line feed after a header", b"GET /auth HTTP/1.1\r\nHost: gateway\nX: y\r\n\r\n")
refused("a bare line feed at the end of the head", b"GET /auth HTTP/1.1\r\nHost: gateway\r\n\n")
refused("a bare carriage return after a header", b"GET /auth HTTP/1.1\r\nHost: gateway\rX: y\r\n\r\n")
refused("a bare carriage return in a value", get(b"X: a\rb\r\n"))
refused("a folded header", get(b"X: a\r\n b\r\n"))
refused("a folded header with a tab", get(b"X: a\r\n\tb\r\n"))
refused("a folded Authorization", get(b"Authorization:\r\n Bearer EMAWfolded\r\n"))
refused("a folded Host", b"GET /auth HTTP/1.1\r\nHost: gateway\r\n .evil\r\n\r\n")
refused("a zero byte in a value", get(b"X: a\0b\r\n"))
refused("a zero byte in a name", get(b"X\0Y: a\r\n"))
refused("a control byte in a value", get(b"X: a\x01b\r\n"))
refused("DEL in a value", get(b"X: a\x7fb\r\n"))
refused("a name with a space", get(b"X Y: a\r\n"))
refused("a name with a space before its colon", get(b"X : a\r\n"))
refused("an empty name", get(b": a\r\n"))
refused("a header without a colon", get(b"nothing\r\n"))
refused("a space before the first header", b"GET /auth HTTP/1.1\r\n Host: gateway\r\n\r\n")
refused("a name with a byte above ASCII", get(b"X\xff: a\r\n"))
refused("a name in parentheses", get(b"(X): a\r\n"))

# The request line and the host

refused("no Host", b"GET /auth HTTP/1.1\r\n\r\n")
refused("two headers Host", b"GET /auth HTTP/1.1\r\nHost: gateway\r\nHost: localhost\r\n\r\n")
refused("two equal headers Host", b"GET /auth HTTP/1.1\r\nHost: gateway\r\nhost: gateway\r\n\r\n")
refused("HTTP/1.2", b"GET /auth HTTP/1.2\r\nHost: gateway\r\n\r\n")
refused("HTTP/2.0 without its preface", b"GET /auth HTTP/2.0\r\nHost: gateway\r\n\r\n")
refused("HTTP/1.1x", b"GET /auth HTTP/1.1x\r\nHost: gateway\r\n\r\n")
refused("HTTP/11", b"GET /auth HTTP/11\r\nHost: gateway\r\n\r\n")
refused("http/1.1 in lower case", b"GET /auth http/1.1\r\nHost: gateway\r\n\r\n")
refused("a tab in the request line", b"GET\t/auth\tHTTP/1.1\r\nHost: gateway\r\n\r\n")
refused("a target with a space", b"GET /auth x HTTP/1.1\r\nHost: gateway\r\n\r\n")
refused("a target with a control byte", b"GET /auth\x01 HTTP/1.1\r\nHost: gateway\r\n\r\n")
refused("a target with a zero byte", b"GET /auth\0x HTTP/1.1\r\nHost: gateway\r\n\r\n")
refused("a target with bytes above ASCII", get(path=b"/auth/\xc3\xa9"))
refused("a target without a slash", b"GET auth HTTP/1.1\r\nHost: gateway\r\n\r\n")
refused("an unknown method", b"GETX /auth HTTP/1.1\r\nHost: gateway\r\n\r\n")
refused("PRI of another target", b"PROPFINDX /auth HTTP/1.1\r\nHost: gateway\r\n\r\n")
silent("a method in lower case", b"get /auth HTTP/1.1\r\nHost: gateway\r\n\r\n")
for data in [b"PRI * HTTP/1.1\r\nHost: gateway\r\n\r\n", b"PRIME * HTTP/1.1\r\nHost: gateway\r\n\r\n", b"PRI"]:
    preface(data)
silent("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 506)
silent("a hello of SSH", b"SSH-2.0-OpenSSH_9.2\r\n")
silent("a space before the method", b" GET /auth HTTP/1.1\r\nHost: gateway\r\n\r\n")
silent("random bytes", os.urandom(1024).replace(b"\0", b"\1").lstrip(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ") or b"\1")


@case
def http09(target):
    """HTTP/0.9"""
    found = exchange(target, b"GET /auth\r\n", ends=False, seconds=target.frame_timeout + 5)
    check([each[0] for each in found] in ([400], []), "statuses:", [each[0] for each in found])


@case
def absolute_form(target):
    """a target in absolute form reaches no endpoint under another host"""
    found = exchange(target, b"POST http://localhost/v1/verify HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n")
    check(found[0][0] in (400, 403, 404), "status:", found[0][0])
    answered(target, get(path=b"http://gateway/unknown"), 404)


@case
def asterisk_form(target):
    """OPTIONS *"""
    answered(target, b"OPTIONS * HTTP/1.1\r\nHost: gateway\r\n\r\n", 404)


@case
def connect_method(target):
    """CONNECT opens no tunnel"""
    one(target, b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n" + SECOND, 400, 404, 405)


@case
def paths(target):
    """no other spelling of a path leads to /auth or /v1"""
    token = b"Authorization: Bearer " + target.token.encode() + b"\r\n"
    for path in [
        b"/AUTH", b"//auth", b"/./auth", b"/x/../auth", b"/%61uth", b"/auth%2f..", b"/authx", b"/auth;x", b"/auth.", b"/v1//verify",
        b"/v1/verify/", b"/v1/./verify", b"/V1/verify", b"/v1%2fverify", b"/v1/../v1/verify", b"/oauth2/introspect/", b"/profiles/auth",
        b"/profiles//", b"/profiles/a/authx", b"/", b"/?/auth", b"/#/auth",
    ]:
        found = exchange(target, get(token, path))
        check([each[0] for each in found] in ([404], [400]), path, "statuses:", [each[0] for each in found])
    for path in [b"/auth?token=x", b"/auth/../v1/verify", b"/auth/%00", b"/auth//"]:
        answered(target, get(token, path), 200)
    answered(target, get(token, b"/profiles/" + b"n" * 5000 + b"/auth"), 503)


@case
def upgrades(target):
    """Upgrade to h2c, to a websocket and to TLS is ignored"""
    for upgrade in [b"h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", b"websocket", b"TLS/1.2"]:
        found = exchange(target, get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + upgrade + b"\r\n") + SECOND)
        check(found[0][0] == 401, "status:", found[0][0])


@case
def expectations(target):
    """Expect of other values is ignored"""
    for value in [b"200-ok", b"100-continue, x", b""]:
        answered(target, get(b"Expect: " + value + b"\r\n"), 401)


@case
def expect_flood(target):
    """1,000 pipelined requests that expect 100"""
    each = post(b"Expect: 100-continue\r\nContent-Length: 2\r\n", b"{}")
    found = exchange(target, each * 1000, 20)
    check(len(found) == 1000 and {each[0] for each in found} <= {400, 401}, len(found), {each[0] for each in found})


@case
def chunk_extensions(target):
    """chunk extensions without an end"""
    with target.connect() as connection:
        try:
            connection.sendall(post(b"Transfer-Encoding: chunked\r\n", b"2;"))
            for _ in range(1000):
                connection.sendall(b"a=b;" * 4096)
        except OSError:
            pass
        read_all(connection, target.frame_timeout + 5)


@case
def trailers(target):
    """trailers without an end"""
    with target.connect() as connection:
        try:
            connection.sendall(post(b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n"))
            for index in range(100_000):
                connection.sendall(b"X%d: y\r\n" % index * 100)
        except OSError:
            pass
        read_all(connection, target.frame_timeout + 5)


@case
def token_in_trailers(target):
    """a token in trailers does not count"""
    answered(target, post(b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\nAuthorization: Bearer " + target.token.encode() + b"\r\n\r\n"), 400)


@case
def empty_bodies(target):
    """an empty body where one is needed"""
    for fields, statuses in [(b"Content-Length: 0\r\n", [400]), (b"", [400]), (b"Transfer-Encoding: chunked\r\n", [400])]:
        body = b"0\r\n\r\n" if b"chunked" in fields else b""
        for path in [b"/v1/exchange", b"/v1/revoke"]:
            answered(target, post(fields, body, path) * 2, *statuses * 2)
        form = b"Host: gateway\r\nAuthorization: Basic eDp5\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        answered(target, (b"POST /oauth2/introspect HTTP/1.1\r\n" + form + fields + b"\r\n" + body) * 2, 400, 400)


@case
def one_byte_chunks(target):
    """a body of 60,000 chunks of a byte"""
    body = b'{"token": "EMAWchunks' + b"x" * 16000 + b'"}'
    chunks = b"".join(b"1;e=%d\r\n%c\r\n" % (index, byte) for index, byte in enumerate(body)) + b"0\r\n\r\n"
    found = exchange(target, post(b"Transfer-Encoding: chunked\r\n", chunks))
    check(found[0][0] in (400, 401), "status:", found[0][0])


@case
def many_chunks(target):
    """chunks without an end"""
    with target.connect() as connection:
        try:
            connection.sendall(post(b"Transfer-Encoding: chunked\r\n"))
            for _ in range(10_000):
                connection.sendall(b"1\r\n \r\n" * 1000)
        except OSError:
            pass
        check(responses_of(read_all(connection, target.frame_timeout + 5))[-1][0] == 413)


# Sizes


@case
def huge_target(target):
    """a target of 1 MiB"""
    one(target, b"GET /auth?" + b"x" * MEBIBYTE + b" HTTP/1.1\r\nHost: gateway\r\n\r\n", 431, 414, 400)


@case
def target_without_end(target):
    """a target without an end"""
    with target.connect() as connection:
        try:
            connection.sendall(b"GET /auth?")
            for _ in range(1000):
                connection.sendall(b"x" * 65536)
        except OSError:
            pass
        read_all(connection, target.frame_timeout + 5)


@case
def method_without_end(target):
    """a method without an end"""
    with target.connect() as connection:
        try:
            for _ in range(1000):
                connection.sendall(b"X" * 65536)
        except OSError:
            pass
        read_all(connection, target.frame_timeout + 5)


@case
def huge_header(target):
    """a header of 1 MiB"""
    one(target, get(b"X: " + b"y" * MEBIBYTE + b"\r\n"), 431)


@case
def header_of_33_kib(target):
    """a header of 33 KiB"""
    one(target, get(b"X: " + b"y" * 33 * 1024 + b"\r\n"), 431)


@case
def many_headers(target):
    """10,000 headers"""
    one(target, get(b"a: b\r\n" * 10_000), 431)


@case
def spaces(target):
    """1 MiB of spaces before a value"""
    one(target, get(b"X:" + b" " * MEBIBYTE + b"y\r\n"), 431, 400)


@case
def empty_lines(target):
    """1 MiB of empty lines between requests"""
    with target.connect() as connection:
        try:
            connection.sendall(get() + b"\r\n" * (MEBIBYTE // 2) + get(b"Connection: close\r\n"))
        except OSError:
            pass
        read_all(connection, target.frame_timeout + 5)


@case
def body_above_limit(target):
    """a body above server.max-frame-length"""
    one(target, post(b"Content-Length: 1000000000\r\n", b"x" * 100_000), 413)


@case
def body_of_auth(target):
    """a body of 64 MiB that /auth does not read"""
    with target.connect() as connection:
        try:
            connection.sendall(b"POST /auth HTTP/1.1\r\nHost: gateway\r\nContent-Length: 67108864\r\n\r\n")
            for _ in range(1024):
                connection.sendall(b"x" * 65536)
        except OSError:
            pass
        found = responses_of(read_all(connection, 10))
        check([each[0] for each in found] == [401] or not found, "statuses:", [each[0] for each in found])


# Slow clients, and those that do not read


def send(connection, byte):
    """Sends a byte. Returns whether the connection is open."""
    try:
        return connection.send(bytes([byte])) == 1
    except OSError:
        return False


def has_closed(connection, pause):
    """Waits for the server to close, for a time, and reads what it sends meanwhile."""
    try:
        return bool(select.select([connection], [], [], pause)[0]) and not connection.recv(65536)
    except OSError:
        return True


def dribble(target, data, pause, limit):
    """Sends a byte at a time, until the server closes."""
    with target.connect() as connection:
        began = time.monotonic()
        for byte in data:
            if not send(connection, byte) or has_closed(connection, pause):
                return
            check(time.monotonic() - began < limit, "the server keeps a slow client for", limit, "s")



@case
def slow_head(target):
    """a head at a byte a second"""
    dribble(target, get(b"X: " + b"y" * 500 + b"\r\n"), 1, target.frame_timeout + 4)


@case
def slow_first_letters(target):
    """a method at a byte a second"""
    dribble(target, b"POS" + b"T" * 100, 1, target.frame_timeout + 4)


@case
def slow_body(target):
    """a body at a byte a second"""
    with target.connect() as connection:
        began = time.monotonic()
        connection.sendall(post(b"Content-Length: 1000\r\n"))
        while True:
            if has_closed(connection, 1) or not send(connection, ord("x")):
                break
            check(time.monotonic() - began < target.frame_timeout + 4, "the server waits for a slow body")


@case
def slow_chunks(target):
    """chunks at a byte a second"""
    with target.connect() as connection:
        began = time.monotonic()
        connection.sendall(post(b"Transfer-Encoding: chunked\r\n"))
        while True:
            if has_closed(connection, 0.5):
                break
            try:
                connection.send(b"1\r\nx\r\n")
            except OSError:
                break
            check(time.monotonic() - began < target.frame_timeout + 4, "the server waits for slow chunks")


@case
def slow_empty_lines(target):
    """empty lines at one a second"""
    dribble(target, b"\r\n" * 100, 0.5, target.frame_timeout + 4)


@case
def slow_pipelined_head(target):
    """a second head at a byte a second"""
    with target.connect() as connection:
        connection.sendall(get())
        began = time.monotonic()
        for byte in get(b"X: " + b"y" * 500 + b"\r\n"):
            if not send(connection, byte) or has_closed(connection, 0.5):
                return
            check(time.monotonic() - began < target.frame_timeout + 4, "the server waits for a slow head")


@case
def many_slow_clients(target):
    """500 clients with half a head"""
    clients = [target.connect() for _ in range(500)]
    for client in clients:
        client.sendall(b"GET /auth HTTP/1.1\r\nHost: ")
    began = time.monotonic()
    for client in clients:
        read_all(client, target.frame_timeout + 5)
        client.close()
    check(time.monotonic() - began < target.frame_timeout + 5, "took", time.monotonic() - began, "s")


@case
def never_reading(target):
    """a client that pipelines and never reads"""
    with target.connect(receive_buffer=4096) as connection:
        data, sent, began = get() * 1000, 0, time.monotonic()
        connection.settimeout(1)
        try:
            while time.monotonic() < began + 20:
                try:
                    sent += connection.send(data)
                except TimeoutError:
                    pass
                check(sent < 256 * MEBIBYTE, "the server took", sent, "bytes")
            raise Failed("the server keeps the connection open")
        except (BrokenPipeError, ConnectionResetError):
            pass


@case
def never_reading_calls(target):
    """a client that pipelines calls to the provider and never reads"""
    with target.connect(receive_buffer=4096) as connection:
        connection.settimeout(0.5)
        sent = 0
        try:
            for index in range(5000):
                sent += connection.send(get(b"Authorization: Bearer EMAWnever%d\r\n" % index))
        except OSError:
            pass


@case
def pipelining(target):
    """20,000 pipelined requests"""
    with target.connect() as connection:
        data, received = get() * 20_000, 0
        connection.setblocking(False)
        view, answer, end = memoryview(data), 0, time.monotonic() + 30
        while answer < 20_000:
            readable, writable, _ = select.select([connection], [connection] if view else [], [], 1)
            if readable:
                answer += connection.recv(1 << 20).count(b"HTTP/1.1 401 ")
            if writable:
                view = view[connection.send(view):]
            check(time.monotonic() < end, "responses:", answer)


@case
def pipelined_calls(target):
    """100 pipelined calls to a slow provider"""
    with target.slow_provider(20):
        found = exchange(target, b"".join(get(b"Authorization: Bearer EMAWline%d\r\n" % index) for index in range(100)), 30)
    check(len(found) == 100, "responses:", len(found))


# Ends of connections


@case
def half_close_at_each_byte(target):
    """a client that ends its side at each byte of a request"""
    data = post(b"Transfer-Encoding: chunked\r\n", b'13\r\n{"token":"EMAWbyt"}\r\n0\r\n\r\n')
    for count in range(1, len(data) + 1):
        found = exchange(target, data[:count], target.frame_timeout + 5)
        check(len(found) <= 1 and (count == len(data)) == (len(found) == 1 and found[0][0] == 401), count, [each[0] for each in found])


@case
def away_with_calls(target):
    """100 clients that go away with a call in flight"""
    with target.slow_provider(300):
        for index in range(100):
            with target.connect() as connection:
                connection.sendall(get(b"Authorization: Bearer EMAWaway%d\r\n" % index))


@case
def reset_with_calls(target):
    """100 clients that reset their connection with a call in flight"""
    with target.slow_provider(300):
        for index in range(100):
            with target.connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.sendall(get(b"Authorization: Bearer EMAWreset%d\r\n" % index))


@case
def many_connections(target):
    """1,000 connections that end without a byte"""
    for _ in range(1000):
        target.connect().close()


# Browsers on other sites, and DNS rebinding


@case
def other_hosts(target):
    """DNS rebinding: /v1 answers no other host on loopback"""
    token = b'{"token": "' + target.token.encode() + b'"}'
    for host in [
        b"evil.example", b"evil.example:7117", b"localhost.evil.example", b"127.0.0.1.evil.example", b"127.0.0.1@evil.example",
        b"evil.example#localhost", b"localhost:80@evil", b"[::1].evil.example", b"127.evil.example.x", b"0", b"0.0.0.0",
        b"localhost, evil.example", b"localhost.", b"[::1", b"localhost:x",
    ]:
        for path in [b"/v1/verify", b"/v1/exchange", b"/v1/revoke"]:
            found = exchange(target, post(b"Content-Length: %d\r\n" % len(token), token, path, host))
            check(found and found[0][0] in (400, 403, 421), path, host, "statuses:", [each[0] for each in found])
    found = exchange(target, post(b"Content-Length: %d\r\n" % len(token), token))
    check(found[0][0] == 200, "status:", found[0][0])


@case
def forms(target):
    """a form of another site reaches no call"""
    token = b'{"token": "' + target.token.encode() + b'"}'
    for kind in [b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"", b"application/jsonx", b"text/json"]:
        for path in [b"/v1/verify", b"/v1/exchange", b"/v1/revoke"]:
            found = exchange(
                target,
                b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + kind
                + b"\r\nContent-Length: %d\r\n\r\n" % len(token) + token)
            check(found[0][0] == 415, path, kind, "status:", found[0][0])
        answered(target, b"GET /v1/verify HTTP/1.1\r\nHost: localhost\r\n\r\n", 405)


@case
def no_credentials(target):
    """/auth and introspection answer no request without Authorization"""
    answered(target, get(), 401)
    form = b"token=" + target.token.encode()
    answered(
        target,
        b"POST /oauth2/introspect HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
        % len(form) + form, 401)
    for value in [
        b"Bearer", b"Bearer ", b"Bearer a b", b"Bearer a,b", b"Bearer \xc3\xa9", b"Bearera", b"Basic " + target.token.encode(), b"",
        b"Bearer " + b"x" * 20000, b"Bearer =", b"Bearer " + target.token.encode() + b", Bearer x",
    ]:
        answered(target, get(b"Authorization: " + value + b"\r\n"), 401)
    both = b"Authorization: Bearer " + target.token.encode() + b"\r\n"
    answered(target, get(both + b"authorization: Bearer x\r\n"), 401)
    answered(target, get(b"AUTHORIZATION: Basic x\r\n" + both), 401)


@case
def no_permission_for_sites(target):
    """no response lets a page of another site read it"""
    origin = b"Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n"
    for data in [
        b"OPTIONS /v1/verify HTTP/1.1\r\nHost: localhost\r\n" + origin + b"\r\n", get(origin),
        get(origin + b"Authorization: Bearer " + target.token.encode() + b"\r\n"),
        post(origin + b"Content-Length: 2\r\n", b"{}"),
    ]:
        for status, fields, _ in exchange(target, data):
            names = [name.lower() for name, _ in fields]
            check(not any(name.startswith("access-control-") for name in names), status, names)
            check("cache-control" in names, status, names)


# Identity headers

IDENTITY = ["account-id", "application-id", "phone", "email", "provider", "scopes", "freshness"]


def identity(target, token, more=b""):
    found = exchange(target, get(b"Authorization: Bearer " + token.encode() + b"\r\n" + more))
    check([each[0] for each in found] == [200], "statuses:", [each[0] for each in found])
    fields = [(name.lower(), value) for name, value in found[0][1]]
    for name in IDENTITY:
        check(len([each for each, _ in fields if each == "x-doorman-" + name]) == 1, "x-doorman-" + name, "in", [name for name, _ in fields])
    check(token not in str(found), "the response has the token")
    return dict(fields)


@case
def spoofed_headers(target):
    """identity headers of a request do not come back"""
    spoofed = b"".join(
        b"%s%s: spoofed\r\n" % (prefix, name.encode())
        for name in IDENTITY for prefix in (b"X-Doorman-", b"X_Doorman_", b"x-doorman-"))
    fields = identity(target, target.token, spoofed + b"X-Forwarded-For: 1.2.3.4\r\nX-Original-URL: /v1/revoke\r\nX-HTTP-Method-Override: POST\r\n")
    check("spoofed" not in str(fields), fields)


@case
def values_of_providers(target):
    """percent signs, Unicode and separators in an e-mail address"""
    for email, expected in [
        ("%C3%A9@example.org", "%C3%A9@example.org"), ("a%2525b@example.org", "a%2525b@example.org"), ("%E2%80%A8b@example.org", "%E2%80%A8b@example.org"),
        ("a%2C%22b@example.org", 'a,"b@example.org'),
    ]:
        token = json.loads(target.emulate("POST", "/emulator/login?email=" + email))["access_token"]
        found = identity(target, token)["x-doorman-email"]
        check(found == expected, email, "became", repr(found), "expected", repr(expected))


if __name__ == "__main__":
    target = Target()
    sys.exit(run(target, target.answers_http1))
