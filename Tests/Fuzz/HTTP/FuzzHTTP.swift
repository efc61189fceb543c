internal import DoormanSupport
internal import FuzzKit

/// Fuzzes a connection of HTTP/1.1 with the decoder before it, and the routes behind it, without a socket and with events in any order.
/// `ConnectionUnderTest` has the rules.
///
/// Input: a setup (one byte), then events. An event is a byte, followed by its parameters.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHTTP(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let connection = ConnectionUnderTest(input.byte())
    var undelivered: [UInt8] = []
    while !input.isAtEnd {
        let event = input.byte()
        switch event & 0x0f {
        case 0: undelivered += input.bytes(Int(input.byte()))
        case 1: undelivered += Pieces.all[Int(input.byte()) % Pieces.all.count].utf8
        case 2: undelivered += Pieces.requests[Int(input.byte()) % Pieces.requests.count].utf8
        case 3:
            let part = Array(undelivered.prefix(Int(input.byte())))
            undelivered.removeFirst(part.count)
            connection.receive(part, earlyCapacity: 0)
        case 4, 5:
            connection.receive(undelivered, earlyCapacity: Int(event >> 4) * 100)
            undelivered = []
        case 6, 7: connection.respond(kind: input.byte())
        case 8: connection.advance(by: .milliseconds(Int64(input.byte())))
        case 9: connection.advance(by: .seconds(Int64(input.byte())))
        case 10: connection.passTimeToTimer()
        case 11: connection.drain()
        case 12: connection.endInput()
        case 13: connection.block()
        default: connection.unblock()
        }
        connection.settle()
    }
    connection.receive(undelivered, earlyCapacity: 0)
    connection.finish()
    return 0
}

/// Parts of requests, so that most inputs are near valid ones.
private enum Pieces {
    static let all = [
        "GET", "HEAD", "POST", "PUT", " /auth", " /auth/a?b=c", " /profiles/default/auth", " /profiles/x/auth", " /v1/verify",
        " /v1/exchange", " /v1/revoke", " /oauth2/introspect", " /", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "\r\n",
        "Host: localhost\r\n",
        "Host: example.org\r\n", "Authorization: Bearer hit\r\n", "Authorization: Bearer miss\r\n", "Authorization: Bearer %\r\n",
        "Authorization: Basic aGk6aGk=\r\n", "Content-Type: application/json\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n", "Content-Length: 0\r\n", "Content-Length: 15\r\n",
        "Content-Length: 16\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "Connection: keep-alive\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n", "Expect: 100-continue\r\n", "{\"token\":\"hit\"}", "{\"token\":\"miss\"}",
        "token=hit", "token=miss", "f\r\n", "0\r\n\r\n", " folded\r\n",
    ]

    static let requests = [
        "GET /auth HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer hit\r\n\r\n",
        "GET /auth HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer miss\r\n\r\n",
        "GET /auth HTTP/1.0\r\n\r\n", "HEAD /auth HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer hit\r\n\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer miss\r\n\r\n",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"token\":\"hit\"}",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "10\r\n{\"token\":\"miss\"}\r\n0\r\n\r\n",
        "POST /v1/revoke HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"token\":\"miss\"}",
        "POST /oauth2/introspect HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic aGk6aGk=\r\n"
            + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\ntoken=hit",
        "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 32\r\n\r\n"
            + "{\"token\":\"hit\",\"notBefore\":\"AQ\"}",
    ]
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzHTTP)
        }
    }
#endif
