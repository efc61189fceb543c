import CurlTransport
import ProviderHTTP
import Testing

@Suite("Requests", .timeLimit(.minutes(2)))
struct RequestTests {
    /// A server that responds to each request with its header and body.
    static func echo() -> ScriptedServer {
        ScriptedServer { connection in
            while let request = connection.request() {
                connection.respond(body: request + String(decoding: connection.body(of: request), as: UTF8.self))
            }
        }
    }

    @Test("a form is the body of a POST, with its type and length")
    func form() async throws {
        try await withServer(Self.echo()) { transport, server async throws in
            let request = HTTPRequest(
                .post, url: server.url("/introspect"), headers: ["Authorization": "Basic YTpi", "Accept": "application/json"],
                form: [("token", Array("a+b/c= d".utf8)), ("token_type_hint", Array("access_token".utf8))], isRepeatable: true)
            let text = try await transport.send(request, timeout: .seconds(60)).text
            let parts = text.split(separator: "\r\n\r\n").map(String.init)
            #expect(parts.count == 2)
            let lines = parts[0].split(separator: "\r\n").map(String.init)
            #expect(lines[0] == "POST /introspect HTTP/1.1")
            #expect(
                Set(lines.dropFirst()) == [
                    "Host: 127.0.0.1:\(server.port)", "User-Agent: doorman", "accept: application/json",
                    "authorization: Basic YTpi", "Content-Length: 51", "Content-Type: application/x-www-form-urlencoded",
                ])
            #expect(parts[1] == "token=a%2Bb%2Fc%3D%20d&token_type_hint=access_token")
        }
    }

    @Test("a form of bytes that are no text arrives byte for byte", arguments: [1, 4096, 100_000])
    func binaryForm(count: Int) async throws {
        try await withServer(Self.echo(), { $0.maximumBodyBytes = 1 << 20 }) { transport, server async throws in
            let token = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            let request = HTTPRequest(.post, url: server.url(), form: [("token", token)], isRepeatable: true)
            let text = try await transport.send(request, timeout: .seconds(60)).text
            let form = try #require(text.split(separator: "\r\n\r\n").last)
            #expect(form.hasPrefix("token=%00"))
            #expect(PercentEncoding.decoded(form.dropFirst("token=".count).utf8) == token)
            #expect(!server.requests[0].lowercased().contains("expect:"))
        }
    }

    @Test("header fields and the form of one request are not sent with the next request on its connection")
    func nextRequest() async throws {
        try await withServer(Self.echo()) { transport, server async throws in
            let request = HTTPRequest(
                .post, url: server.url(), headers: ["Authorization": "Basic YTpi"], form: [("token", [65])], isRepeatable: true)
            for _ in 0..<2 { _ = try await transport.send(request, timeout: .seconds(60)) }
            let next = try await transport.get(server.url("/next")).text
            #expect(next.hasPrefix("GET /next HTTP/1.1"))
            #expect(!next.lowercased().contains("authorization") && !next.contains("token"))
            #expect(server.acceptedConnections == 1)
        }
    }

    @Test("a request's own limit for the body replaces the transport's", arguments: [(50, false), (150, true)])
    func bodyLimit(limit: Int, fits: Bool) async throws {
        let server = ScriptedServer.responding { $0.respond(body: String(repeating: "x", count: 120)) }
        try await withServer(server, { $0.maximumBodyBytes = 100 }) { transport, server async throws in
            let request = HTTPRequest(.get, url: server.url(), maximumBodyBytes: limit, isRepeatable: true)
            if fits {
                #expect(try await transport.send(request, timeout: .seconds(60)).body.count == 120)
            } else {
                #expect(await transport.failure(request)?.code == .bodyTooLarge)
            }
            #expect(await transport.failure(server.url())?.code == .bodyTooLarge)
        }
    }
}
