import CurlTransport
private import Glibc
import ProviderHTTP
import TestKit
import Testing

@Suite("Connections, cancellation and shutdown", .timeLimit(.minutes(2)))
struct LifecycleTests {
    /// Creates a server that reads requests and never responds.
    static func silent() -> ScriptedServer {
        ScriptedServer { connection in
            if connection.request() != nil { connection.waitForEnd() }
        }
    }

    @Test("sequential requests share a connection")
    func reuse() async throws {
        try await withServer(.responding { $0.respond(body: "ok") }) { transport, server async throws in
            for _ in 0..<20 { #expect(try await transport.get(server.url()).text == "ok") }
            #expect(server.acceptedConnections == 1)
        }
    }

    @Test("concurrent requests use no more connections than allowed")
    func manyAtOnce() async throws {
        let server = ScriptedServer { connection in
            while let request = connection.request() {
                connection.respond(body: String(request.split(separator: " ")[1]))
            }
        }
        try await withServer(server, { $0.maximumConnections = 8 }) { transport, server async throws in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask { try await transport.get(server.url("/\(number)")).text == "/\(number)" }
                }
                for try await matches in group { #expect(matches) }
            }
            #expect(server.requests.count == 200)
            #expect(server.acceptedConnections <= 8)
        }
    }

    @Test("cancelling the task closes the connection")
    func cancellation() async throws {
        try await withServer(Self.silent()) { transport, server async throws in
            let task = Task { await transport.failure(server.url()) }
            try await eventually("the server has the request") { server.requests.count == 1 }
            task.cancel()
            #expect(await task.value == TransportError(.cancelled, requestMayHaveBeenSent: true))
            try await eventually("the server sees the connection end") { server.endedConnections == 1 }
        }
    }

    @Test("a cancelled task sends no request")
    func cancelledBefore() async throws {
        try await withServer(.responding { $0.respond(body: "ok") }) { transport, server async throws in
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                return await transport.failure(server.url("/cancelled"))
            }
            task.cancel()
            #expect(await task.value == TransportError(.cancelled, requestMayHaveBeenSent: false))
            #expect(try await transport.get(server.url("/after")).text == "ok")
            #expect(server.requests.count == 1)
        }
    }

    @Test("cancellation during responses resumes each task exactly once")
    func cancellationRace() async throws {
        try await withServer(.responding { $0.respond(body: "ok") }) { transport, server async throws in
            await withTaskGroup(of: Void.self) { group in
                for round in 0..<100 {
                    group.addTask {
                        let task = Task { try? await transport.get(server.url()) }
                        for _ in 0..<(round % 10) { await Task.yield() }
                        task.cancel()
                        _ = await task.value
                    }
                }
            }
            #expect(try await transport.get(server.url()).text == "ok")
        }
    }

    @Test("a request above the limit fails at once")
    func fullQueue() async throws {
        try await withServer(Self.silent(), { $0.maximumRequests = 2 }) { transport, server async throws in
            let tasks = (0..<2).map { _ in Task { await transport.failure(server.url()) } }
            try await eventually("both are in flight") { server.requests.count == 2 }
            #expect(await transport.failure(server.url()) == TransportError(.queueFull, requestMayHaveBeenSent: false))
            for task in tasks { task.cancel() }
            for task in tasks { #expect(await task.value?.code == .cancelled) }
            try await eventually("a permit is available again") {
                await transport.failure(server.url(), timeout: .milliseconds(50))?.code == .deadlineExceeded
            }
        }
    }

    @Test("a caller that has its response finds the request's permit free, and its connection counted")
    func answeredLast() async throws {
        let server = ScriptedServer.responding { $0.respond(body: "ok") }
        try await withServer(server, { $0.maximumRequests = 1 }) { transport, server async throws in
            for count in 1...200 {
                #expect(try await transport.get(server.url()).text == "ok")
                let single = HTTPRequest(.get, url: server.url(), isRepeatable: false)
                #expect(await transport.outcome(single) == .success(200))
                #expect(transport.statistics.requestsUnderWay == 0)
                #expect(transport.statistics.connectionsOpened == 1 + count)
            }
        }
    }

    @Test("a shutdown fails current and later requests")
    func shutDown() async throws {
        try await withServer(Self.silent()) { transport, server async throws in
            let task = Task { await transport.failure(server.url()) }
            try await eventually("the server has the request") { server.requests.count == 1 }
            transport.shutdown()
            #expect(await task.value == TransportError(.shutDown, requestMayHaveBeenSent: true))
            #expect(await transport.failure(server.url()) == TransportError(.shutDown, requestMayHaveBeenSent: false))
            transport.shutdown()
            try await eventually("the connection is closed") { server.endedConnections == 1 }
        }
    }

    @Test("a released transport closes its connections")
    func released() async throws {
        let server = ScriptedServer.responding { $0.respond(body: "ok") }
        defer { server.stop() }
        var transport: CurlTransport? = try CurlTransport()
        #expect(try await transport?.get(server.url()).text == "ok")
        transport = nil
        try await eventually("the connection is closed") { server.endedConnections == 1 }
    }

    @Test("the environment's proxies are ignored")
    func environmentProxies() async throws {
        for name in ["http_proxy", "https_proxy", "all_proxy"] { unsafe setenv(name, "http://127.0.0.1:1", 1) }
        defer { for name in ["http_proxy", "https_proxy", "all_proxy"] { unsafe unsetenv(name) } }
        try await withServer(.responding { $0.respond(body: "direct") }) { transport, server async throws in
            #expect(try await transport.get(server.url()).text == "direct")
        }
    }

    @Test("a configured proxy is used only for other machines")
    func configuredProxy() async throws {
        let proxy = ScriptedServer.responding { $0.respond("403 Forbidden") }
        defer { proxy.stop() }
        let url = proxy.url()
        try await withServer(.responding { $0.respond(body: "direct") }, { $0.proxy = url }) { transport, server async throws in
            let error = await transport.failure("https://example.com/secret?token=EMAW1")
            #expect(error?.requestMayHaveBeenSent == false)
            #expect(proxy.requests.count == 1)
            #expect(proxy.requests[0].hasPrefix("CONNECT example.com:443 "))
            #expect(!proxy.requests[0].contains("EMAW1"))
            #expect(try await transport.get(server.url()).text == "direct")
        }
    }

    @Test("invalid settings are rejected")
    func settings() {
        let invalidations: [@Sendable (inout CurlTransport.Settings) -> Void] = [
            { $0.connectTimeout = .zero }, { $0.requestTimeout = .seconds(-1) }, { $0.maximumBodyBytes = 0 },
            { $0.maximumHeaderBytes = 0 }, { $0.authorities = [] }, { $0.maximumConnections = 0 }, { $0.maximumRequests = 0 },
            { $0.maximumConnectionLifetime = .zero }, { $0.timeoutsUntilReconnect = 0 }, { $0.dnsCacheTTL = .seconds(-1) },
        ]
        for invalidate in invalidations {
            var settings = CurlTransport.Settings()
            invalidate(&settings)
            #expect(throws: CurlTransport.SetupError.self) { try CurlTransport(settings) }
        }
    }
}
