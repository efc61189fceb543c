import AccountKitEmulator
import CurlTransport
import ProviderHTTP
import TestKit
import Testing

@Suite("HTTP/2", .serialized, .timeLimit(.minutes(2)))
struct HTTP2Tests {
    @Test("concurrent requests share one connection")
    func sharing() async throws {
        try await withEmulator { transport, server async throws in
            server.emulator.setFault(.latency(.milliseconds(20)))
            for count in [100, 200, 200] {
                #expect(await transport.manyAtOnce(count, server.me).allSatisfy { $0 == .success(200) })
            }
            #expect(server.emulator.statistics[.me] == 500)
            #expect(server.connections.accepted == 1)
            #expect(server.connections.http2 == 1)
            #expect(transport.statistics.connectionsOpened == 1)
        }
    }

    @Test("a request that is not repeatable has a connection of its own")
    func ownConnection() async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            for count in 1...3 {
                #expect(await transport.outcome(try server.exchange()) == .success(200))
                #expect(transport.statistics.connectionsOpened == 1 + count)
                #expect(server.connections.accepted == 1 + count)
            }
            #expect(try await transport.get(server.me).status == 200)
            #expect(server.connections.http2 == 1)
            #expect(transport.statistics.connectionsOpened == 4)
            try await eventually("their connections are closed") { server.connections.open == 1 }
        }
    }

    @Test("requests that are not repeatable don't keep others from sharing a connection")
    func sharingBesideOthers() async throws {
        try await withEmulator { transport, server async throws in
            server.emulator.setFault(.latency(.milliseconds(20)))
            for _ in 1...3 {
                async let once = transport.outcome(try server.exchange())
                #expect(await transport.manyAtOnce(50, server.me).allSatisfy { $0 == .success(200) })
                #expect(try await once == .success(200))
            }
            #expect(server.connections.accepted == 4)
            #expect(server.connections.http2 == 1)
        }
    }

    @Test(
        "a slow request does not delay the others on its connection",
        arguments: [Fault.hang, .latency(.seconds(600))])
    func independence(fault: Fault) async throws {
        try await withEmulator { transport, server async throws in
            server.emulator.setFault(fault, for: .accounts)
            let stuck = Task { await transport.failure(server.accounts) }
            try await eventually("it hangs") { server.emulator.statistics[.accounts] == 1 }
            #expect(await transport.manyAtOnce(20, server.me).allSatisfy { $0 == .success(200) })
            stuck.cancel()
            #expect(await stuck.value?.code == .cancelled)
            #expect(try await transport.get(server.me).status == 200)
            #expect(server.connections.accepted == 1)
        }
    }

    @Test("a stream reset fails only its own request")
    func streamReset() async throws {
        try await withEmulator { transport, server async throws in
            server.emulator.setFault(.latency(.milliseconds(300)), for: .accounts)
            server.emulator.setFault(.reset, for: .me, calls: 1)
            async let others = transport.manyAtOnce(5, server.accounts)
            try await eventually("the others are in flight") { server.emulator.statistics[.accounts] == 5 }
            let error = await transport.failure(server.me)
            #expect(error?.code == .connectionLost)
            #expect(error?.requestMayHaveBeenSent == true)
            #expect(await others.allSatisfy { $0 == .success(200) })
            #expect(server.emulator.statistics[.me] == 1)
            #expect(server.connections.accepted == 1)
        }
    }

    @Test("a request that is too long does not end the connection")
    func tooLong() async throws {
        try await withEmulator { transport, server async throws in
            let long = server.me + "&x=" + String(repeating: "y", count: 5000)
            #expect(try await transport.get(long).status == 414)
            #expect(try await transport.get(server.me).status == 200)
            #expect(server.connections.accepted == 1)
        }
    }

    @Test("a server that stops does not wait for idle connections")
    func stop() async throws {
        // The response may take this time, and the idle connection may not.
        try await withEmulator(drain: .seconds(30)) { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            server.emulator.setFault(.latency(.milliseconds(50)))
            async let last = transport.get(server.me)
            try await eventually("it is in flight") { server.emulator.statistics[.me] == 2 }
            let start = ContinuousClock.now
            try await server.emulator.stop()
            #expect(start.duration(to: .now) < .seconds(4))
            #expect(try await last.status == 200)
        }
    }

    static let responding: [(Fault, Int)] = [
        (.chunked, 200), (.latency(.milliseconds(5)), 200), (.slowHeaders(pause: .microseconds(10)), 200),
        (.slowBody(pause: .milliseconds(1)), 200), (.appUsage(AppUsageHeader(callCount: 95)), 200), (.badGateway, 502),
        (.tooManyRequests(retryAfterSeconds: 3), 429),
    ]

    @Test("a late or slow response is received over HTTP/2", arguments: responding)
    func responses(fault: Fault, status: Int) async throws {
        try await withEmulator { transport, server async throws in
            let whole = try await transport.get(server.me).body
            server.emulator.setFault(fault, for: .me, calls: 1)
            let response = try await transport.get(server.me)
            #expect(response.status == status)
            if status == 200 { #expect(response.body == whole) }
            if case .appUsage = fault { #expect(response.headers["x-app-usage"]?.contains("95") == true) }
            if case .tooManyRequests = fault { #expect(response.headers["retry-after"] == "3") }
            #expect(server.emulator.statistics[.me] == 2)
            #expect(server.connections.accepted == 1)
        }
    }

    static let failing: [(Fault, TransportError.Code)] = [
        (.oversizedBody(bytes: 10_000_000), .bodyTooLarge), (.reset, .connectionLost), (.connectionReset, .connectionLost),
        (.goAway, .connectionLost),
    ]

    @Test("a truncated or oversized response over HTTP/2 is an error", arguments: failing)
    func failures(fault: Fault, code: TransportError.Code) async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            server.emulator.setFault(fault, for: .me, calls: 1)
            let error = await transport.failure(server.me)
            #expect(error?.code == code)
            #expect(error?.requestMayHaveBeenSent == true)
            #expect(server.emulator.statistics[.me] == 2)
            #expect(try await transport.get(server.me).status == 200)
        }
    }

    @Test(
        "only repeatable requests are affected by the end of a shared connection",
        arguments: [Fault.connectionReset, .goAway])
    func deadConnection(fault: Fault) async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            server.emulator.setFault(.latency(.milliseconds(300)), for: .accounts, calls: 20)
            server.emulator.setFault(.latency(.milliseconds(300)), for: .accessToken)
            server.emulator.setFault(fault, for: .me, calls: 1)
            async let repeatable = transport.manyAtOnce(20, server.accounts)
            async let once = transport.outcome(try server.exchange())
            try await eventually("all are in flight") {
                server.emulator.statistics[.accounts] == 20 && server.emulator.statistics[.accessToken] == 1
            }
            #expect(await transport.failure(server.me)?.code == .connectionLost)
            // libcurl repeats a request without a response once, on a new connection.
            for outcome in await repeatable {
                switch outcome {
                case .success(let status): #expect(status == 200)
                case .failure(let error):
                    #expect([.connectionLost, .streamRefused].contains(error.code) && error.requestMayHaveBeenSent)
                }
            }
            #expect(server.emulator.statistics[.accounts] <= 40)
            #expect(try await once == .success(200))
            #expect(server.emulator.statistics[.accessToken] == 1)
            #expect(server.emulator.statistics[.me] == 2)
            #expect(try await transport.get(server.me).status == 200)
        }
    }

    @Test(
        "a request that is not repeatable reaches the server only once",
        arguments: [Fault.reset, .connectionReset, .goAway, .truncatedJSON, .emptyBody])
    func exchangedOnce(fault: Fault) async throws {
        try await withEmulator { transport, server async throws in
            #expect(try await transport.get(server.me).status == 200)
            server.emulator.setFault(fault, for: .accessToken)
            switch await transport.outcome(try server.exchange()) {
            case .success(let status): #expect(status == 200 && [.truncatedJSON, .emptyBody].contains(fault))
            case .failure(let error): #expect(error.code == .connectionLost && error.requestMayHaveBeenSent)
            }
            #expect(server.emulator.statistics[.accessToken] == 1)
        }
    }

    @Test("a server that restarts on its port receives requests again")
    func restart() async throws {
        let certificate = try await SecureEmulator.certificate()
        let first = try await SecureEmulator.start(certificate)
        let transport = try CurlTransport(trusting: certificate) {
            $0.connectTimeout = .seconds(3); $0.requestTimeout = .seconds(3)
        }
        defer { transport.shutdown() }
        let (port, me) = (first.emulator.port, first.me)
        #expect(try await transport.get(me).status == 200)
        first.emulator.setFault(.hang, for: .accounts)
        let start = ContinuousClock.now
        async let inFlight = transport.manyAtOnce(5, first.accounts)
        try await eventually("they hang") { first.emulator.statistics[.accounts] == 5 }
        try await first.emulator.stop()
        #expect(await inFlight.allSatisfy { (try? $0.get()) == nil })
        #expect(start.duration(to: .now) < .seconds(15))
        #expect(await transport.failure(me)?.code == .connectFailed)
        let second = try await SecureEmulator.start(certificate, port: port)
        #expect(try await transport.get(me).status == 200)
        #expect(await transport.outcome(try second.exchange()) == .success(200))
        #expect(second.connections.accepted == 2)
        try await second.emulator.stop()
    }
}
