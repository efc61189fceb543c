import CurlTransport
import ProviderHTTP
import Testing

@Suite("Failures", .timeLimit(.minutes(2)))
struct FailureTests {
    @Test("a truncated body is a lost connection")
    func truncatedBody() async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":\"1\"}")
        }
        try await withServer(server) { transport, server async throws in
            let error = await transport.failure(server.url())
            #expect(error?.code == .connectionLost)
            #expect(error?.requestMayHaveBeenSent == true)
        }
    }

    @Test("a reset during the response is a lost connection", arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
    func reset(before: String) async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write(before)
            connection.descriptor.resetOnClose()
        }
        try await withServer(server) { transport, server async throws in
            let error = await transport.failure(server.url())
            #expect(error?.code == .connectionLost)
            #expect(error?.requestMayHaveBeenSent == true)
        }
    }

    @Test("a response that is not HTTP is a protocol error", arguments: ["SSH-2.0-OpenSSH_9.2\r\n", "<html>sorry</html>"])
    func otherProtocol(greeting: String) async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write(greeting)
        }
        try await withServer(server) { transport, server async throws in
            #expect(await transport.failure(server.url())?.code == .protocolError)
        }
    }

    @Test("a refused connection counts as not sent")
    func refusedConnection() async throws {
        let closed = ScriptedServer { _ in }
        closed.stop()
        try await withServer(ScriptedServer { _ in }) { transport, _ in
            let error = await transport.failure(closed.url())
            #expect(error?.code == .connectFailed)
            #expect(error?.cause == .connectionRefused)
            #expect(error?.requestMayHaveBeenSent == false)
        }
    }

    @Test("a proxy that refuses the connection is the cause, with its status", arguments: [407, 403, 502])
    func proxy(status: Int) async throws {
        let proxy = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write("HTTP/1.1 \(status) No\r\nContent-Length: 0\r\n\r\n")
        }
        try await withServer(proxy, { [url = proxy.url()] in $0.proxy = url }) { transport, _ in
            let error = await transport.failure("https://provider.invalid/")
            #expect(error?.cause == .proxyResponded(status: status), "\(String(describing: error))")
            #expect(error?.requestMayHaveBeenSent == false)
        }
    }

    @Test("an unknown host name counts as not sent")
    func unknownName() async throws {
        let start = ContinuousClock.now
        try await withServer(ScriptedServer { _ in }) { transport, _ in
            let error = await transport.failure("https://no-such-host.invalid/", timeout: .seconds(2))
            #expect(error?.code == .resolveFailed && error?.cause == .hostNotFound || error?.code == .deadlineExceeded)
            #expect(error?.requestMayHaveBeenSent == false)
        }
        // A hanging resolver delays neither the caller nor the shutdown of the transport.
        #expect(start.duration(to: .now) < .seconds(4))
    }

    /// The part of the response before the server stalls.
    static let stalls = [
        "", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
    ]

    @Test("a stalled server is abandoned after the request timeout", arguments: stalls)
    func ownLimit(sent: String) async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write(sent)
            connection.waitForEnd()
        }
        // Long enough for the request to be sent.
        try await withServer(server, { $0.requestTimeout = .seconds(1) }) { transport, server async throws in
            let error = await transport.failure(server.url())
            #expect(error?.code == .timedOut)
            #expect(error?.requestMayHaveBeenSent == true)
            #expect(error?.cause == nil)
        }
    }

    @Test("a stalled server is abandoned at the caller's deadline", arguments: stalls)
    func callersDeadline(sent: String) async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write(sent)
            connection.waitForEnd()
        }
        try await withServer(server) { transport, server async throws in
            #expect(await transport.failure(server.url(), timeout: .milliseconds(150))?.code == .deadlineExceeded)
        }
    }

    @Test("a server that sends single bytes is abandoned after the request timeout")
    func trickle() async throws {
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            while connection.write("x") { blockFor(milliseconds: 5) }
        }
        try await withServer(server, { $0.requestTimeout = .milliseconds(200) }) { transport, server async throws in
            #expect(await transport.failure(server.url())?.code == .timedOut)
        }
    }

    @Test("a request without time left is not sent")
    func noTimeLeft() async throws {
        try await withServer(.responding { $0.respond() }) { transport, server async throws in
            for timeout in [Duration.zero, .seconds(-1)] {
                let error = await transport.failure(server.url(), timeout: timeout)
                #expect(error == TransportError(.deadlineExceeded, requestMayHaveBeenSent: false))
            }
            #expect(server.acceptedConnections == 0)
        }
    }

    @Test("HTTP to another machine is rejected before a connection")
    func policy() async throws {
        try await withServer(ScriptedServer { _ in }) { transport, _ in
            let error = await transport.failure("http://192.0.2.1/")
            #expect(error == TransportError(.urlNotAllowed, requestMayHaveBeenSent: false))
        }
    }

    @Test("a request that is not repeatable is never sent twice")
    func noSilentRepetition() async throws {
        // Every connection responds to one request, reads a second request and closes.
        let server = ScriptedServer { connection in
            guard connection.request() != nil else { return }
            connection.respond(body: "first")
            _ = connection.request()
        }
        try await withServer(server) { transport, server async throws in
            #expect(try await transport.get(server.url("/warm-up")).text == "first")
            // libcurl repeats this request on a new connection.
            #expect(try await transport.get(server.url("/repeatable")).text == "first")
            #expect(server.requests.count { $0.hasPrefix("GET /repeatable ") } == 2)
        }
        let dead = ScriptedServer { connection in
            guard let request = connection.request(), request.hasPrefix("GET /warm-up ") else { return }
            connection.respond(body: "first")
            _ = connection.request()
        }
        try await withServer(dead) { transport, server async throws in
            #expect(try await transport.get(server.url("/warm-up")).text == "first")
            let once = HTTPRequest(.get, url: server.url("/once"), isRepeatable: false)
            #expect(await transport.failure(once)?.requestMayHaveBeenSent == true)
            #expect(server.requests.count { $0.hasPrefix("GET /once ") } == 1)
        }
    }
}
