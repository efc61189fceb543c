import CurlTransport
import ProviderHTTP
import TestKit
import Testing

/// libcurl repeats some requests by itself. What goes out must be counted.
@Suite("Repeats by libcurl", .timeLimit(.minutes(2)))
struct RepeatTests {
    @Test("a request whose HTTP/2 stream is always refused is sent twice at most", arguments: ["one after another", "at once"])
    func refusedStream(order: String) async throws {
        let certificate = try await TestCertificate()
        let server = try await StreamRefusingServer(certificate)
        let transport = try TLSTests.transport(trusting: certificate)
        defer {
            transport.shutdown()
            server.stop()
        }
        let url = "https://localhost:\(server.port)/"
        var errors: [TransportError?] = []
        if order == "at once" {
            errors = await withTaskGroup { group in
                for _ in 0..<5 { group.addTask { await transport.failure(url) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
        } else {
            for _ in 0..<5 { errors.append(await transport.failure(url)) }
        }
        #expect(errors == Array(repeating: TransportError(.streamRefused, requestMayHaveBeenSent: true, repeats: 1), count: 5))
        #expect(server.requests == 10)
    }

    /// A provider that ends a connection with GOAWAY refuses the streams that it has not processed.
    @Test("requests on an HTTP/2 connection that refuses streams get their responses on the next one")
    func refusedOnce() async throws {
        let certificate = try await TestCertificate()
        let server = try await StreamRefusingServer(certificate, refusingConnections: 1)
        let transport = try TLSTests.transport(trusting: certificate)
        defer {
            transport.shutdown()
            server.stop()
        }
        let outcomes = await transport.manyAtOnce(20, "https://localhost:\(server.port)/")
        for outcome in outcomes { #expect(outcome == .success(200)) }
        #expect(server.requests <= 40)
        #expect(server.connections > 1)
    }

    @Test("over HTTP/1.1, a request on a kept connection that ends without a response is repeated once")
    func keptConnection() async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.respond(body: "own")
            // The first connection ends when its second request has come.
            while connection.request() != nil, connection.number > 1 { connection.respond(body: "own") }
        }
        try await withServer(server) { transport, server in
            #expect(try await transport.get(server.url()).repeats == 0)
            let response = try await transport.get(server.url())
            #expect(response.text == "own")
            #expect(response.repeats == 1)
            #expect(server.requests.count == 3)
            #expect(try await transport.get(server.url()).repeats == 0)
        }
    }

    @Test("over HTTP/1.1, a request is sent twice at most")
    func keptConnections() async throws {
        let count = 5
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            // Each of the first requests has a connection of its own, which ends when its second request has come.
            while connection.server.acceptedConnections < count { blockFor(milliseconds: 1) }
            connection.respond(body: "own")
            _ = connection.request()
        }
        try await withServer(server) { transport, server in
            await withTaskGroup { group in
                for _ in 0..<count { group.addTask { _ = try? await transport.get(server.url()) } }
            }
            #expect(server.requests.count == count)
            let error = await transport.failure(server.url())
            #expect(error == TransportError(.connectionLost, requestMayHaveBeenSent: true, repeats: 1))
            #expect(server.requests.count == count + 2)
        }
    }
}
