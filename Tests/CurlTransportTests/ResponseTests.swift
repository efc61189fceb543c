import CurlTransport
import ProviderHTTP
import Testing

@Suite("Responses", .timeLimit(.minutes(2)))
struct ResponseTests {
    @Test("a response has a status, headers and a body")
    func wholeResponse() async throws {
        let server = ScriptedServer.responding {
            $0.respond("200 OK", ["X-Thing: one", "x-thing:  two \t", "Retry-After: 7"], body: #"{"id":"1"}"#)
        }
        try await withServer(server) { transport, server async throws in
            let response = try await transport.get(server.url("/v1.3/me?access_token=EMAW1"))
            #expect(response.status == 200)
            #expect(response.text == #"{"id":"1"}"#)
            #expect(response.headers["X-THING"] == "two")
            #expect(response.headers["retry-after"] == "7")
            #expect(response.headers["missing"] == nil)
            let lines = server.requests[0].split(separator: "\r\n").map(String.init)
            #expect(lines[0] == "GET /v1.3/me?access_token=EMAW1 HTTP/1.1")
            #expect(Set(lines.dropFirst()) == ["Host: 127.0.0.1:\(server.port)", "User-Agent: doorman", "Accept: */*"])
        }
    }

    @Test("a POST has an empty body")
    func methods() async throws {
        try await withServer(.responding { $0.respond(body: "ok") }) { transport, server async throws in
            for method in [HTTPRequest.Method.post, .delete] {
                let request = HTTPRequest(method, url: server.url("/logout?x=1"), isRepeatable: true)
                let response = try await transport.send(request, timeout: .seconds(60))
                #expect(response.text == "ok")
            }
            #expect(server.requests[0].hasPrefix("POST /logout?x=1 HTTP/1.1\r\n"))
            #expect(server.requests[0].contains("Content-Length: 0\r\n"))
            #expect(server.requests[1].hasPrefix("DELETE /logout?x=1 HTTP/1.1\r\n"))
        }
    }

    @Test("a response of any status is returned", arguments: [(204, ""), (400, "{}"), (429, ""), (502, "<html>")])
    func anyStatus(status: Int, body: String) async throws {
        let server = ScriptedServer.responding { $0.respond("\(status) Whatever", body: body) }
        try await withServer(server) { transport, server async throws in
            let response = try await transport.get(server.url())
            #expect(response.status == status)
            #expect(response.text == body)
        }
    }

    @Test("a redirect is not followed")
    func redirect() async throws {
        let server = ScriptedServer.responding { $0.respond("302 Found", ["Location: http://127.0.0.1:\($0.server.port)/other"]) }
        try await withServer(server) { transport, server async throws in
            #expect(try await transport.get(server.url("/first")).status == 302)
            #expect(server.requests.count == 1)
        }
    }

    @Test("an interim response is ignored")
    func interimResponse() async throws {
        let server = ScriptedServer.responding {
            $0.write("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n")
            $0.respond(body: "final")
        }
        try await withServer(server) { transport, server async throws in
            let response = try await transport.get(server.url())
            #expect(response.status == 200)
            #expect(response.headers["x-early"] == nil)
            #expect(response.text == "final")
        }
    }

    @Test("a chunked body is reassembled")
    func chunkedBody() async throws {
        let server = ScriptedServer.responding {
            $0.write(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nRetry-After: 1\r\n\r\n"
                    + "3\r\nabc\r\n2\r\nde\r\n0\r\nRetry-After: 9\r\n\r\n"
            )
        }
        try await withServer(server) { transport, server async throws in
            let response = try await transport.get(server.url())
            #expect(response.text == "abcde")
            #expect(response.headers["retry-after"] == "1")
        }
    }

    @Test("a body of the maximum length is accepted", arguments: [false, true])
    func bodyLimit(declared: Bool) async throws {
        let server = ScriptedServer { connection in
            while let request = connection.request() {
                let body = String(repeating: "x", count: request.hasPrefix("GET /long") ? 101 : 100)
                if declared {
                    connection.respond(body: body)
                } else {
                    connection.write("HTTP/1.1 200 OK\r\n\r\n\(body)")
                    return
                }
            }
        }
        try await withServer(server, { $0.maximumBodyBytes = 100 }) { transport, server async throws in
            #expect(try await transport.get(server.url("/fits")).body.count == 100)
            #expect(await transport.failure(server.url("/long"))?.code == .bodyTooLarge)
        }
    }

    @Test("a body of ten megabytes is abandoned", arguments: [false, true])
    func hugeBody(declared: Bool) async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\n" + (declared ? "Content-Length: 10485760\r\n\r\n" : "\r\n"))
            let block = String(repeating: "x", count: 65_536)
            for _ in 0..<160 where !connection.write(block) { return }
        }
        try await withServer(server) { transport, server async throws in
            let error = await transport.failure(server.url())
            #expect(error?.code == .bodyTooLarge)
            #expect(error?.requestMayHaveBeenSent == true)
        }
    }

    @Test("a header that is too long is abandoned", arguments: [1, 1000])
    func headerFlood(linesOf: Int) async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\n")
            let line = "X-Flood: " + String(repeating: "y", count: 60_000 / linesOf) + "\r\n"
            for _ in 0..<linesOf where !connection.write(line) { return }
            connection.write("\r\n")
        }
        try await withServer(server) { transport, server async throws in
            #expect(await transport.failure(server.url())?.code == .headersTooLarge)
        }
    }
}
