import AccountKitEmulator
import CurlTransport
import ProviderHTTP
import TestKit
import Testing

@Suite("The replacement of connections in use", .serialized, .timeLimit(.minutes(2)))
struct ReplacementTests {
    /// Runs the body with two servers that share a name and a port: the name resolves to `before`, and from now on to `after`.
    private func withMovedName(
        _ configure: (inout CurlTransport.Settings) -> Void,
        _ body: (CurlTransport, String, _ before: SecureEmulator, _ after: SecureEmulator) async throws -> Void
    ) async throws {
        let certificate = try await TestCertificate()
        let before = try await SecureEmulator.start(certificate, host: "127.0.0.2")
        let port = before.emulator.port
        let after = try await SecureEmulator.start(certificate, port: port)
        let transport = try CurlTransport(trusting: certificate) {
            // The system resolves this name to the other address.
            $0.dnsOverrides = ["localhost:\(port):127.0.0.2"]
            configure(&$0)
        }
        defer { transport.shutdown() }
        try await body(transport, "https://localhost:\(port)", before, after)
        try await before.emulator.stop()
        try await after.emulator.stop()
    }

    @Test("a changed address is used within the lifetime of connections, even under load")
    func movedName() async throws {
        let life = Duration.seconds(2)
        try await withMovedName({ $0.maximumConnectionLifetime = life }) { transport, base, before, after async throws in
            let me = base + "/v1.3/me?access_token=\(SecureEmulator.token)"
            let start = ContinuousClock.now
            #expect(try await transport.get(me).status == 200)
            #expect(before.emulator.statistics[.me] == 1)
            #expect(after.emulator.statistics[.me] == 0)
            // The connection is never idle, and no call fails.
            while after.emulator.statistics[.me] == 0, start.duration(to: .now) < .seconds(60) {
                #expect(await transport.manyAtOnce(4, me).allSatisfy { $0 == .success(200) })
            }
            #expect(start.duration(to: .now) >= life)
            let last = before.emulator.statistics[.me]
            #expect(await transport.manyAtOnce(20, me).allSatisfy { $0 == .success(200) })
            #expect(before.emulator.statistics[.me] == last)
            #expect(before.connections.accepted == 1)
            #expect(transport.statistics.replacementsForAge >= 1)
            #expect(transport.statistics.replacementsForTimeouts == 0)
            try await eventually("the old connection is closed") { before.connections.open == 0 }
        }
    }

    @Test("a new connection uses the new address after the TTL of the DNS cache")
    func expiredAddress() async throws {
        try await withMovedName({ $0.dnsCacheTTL = .seconds(1) }) { transport, base, before, after async throws in
            #expect(try await transport.get(base + "/v1.3/me?access_token=\(SecureEmulator.token)").status == 200)
            #expect(before.emulator.statistics[.me] == 1)
            // Each exchange has a connection of its own.
            try await eventually("an exchange goes to the new address") {
                _ = await transport.outcome(try after.exchange(at: base))
                return after.emulator.statistics[.accessToken] > 0
            }
            #expect(try await transport.get(base + "/v1.3/me?access_token=\(SecureEmulator.token)").status == 200)
            #expect(before.emulator.statistics[.me] == 2)
        }
    }

    @Test("requests in flight finish when their connections are replaced")
    func nothingLost() async throws {
        try await withEmulator({ $0.maximumConnectionLifetime = .milliseconds(100) }) { transport, server async throws in
            server.emulator.setFault(.latency(.milliseconds(500)), for: .accounts)
            async let slow = transport.manyAtOnce(10, server.accounts)
            try await eventually("they are in flight") { server.emulator.statistics[.accounts] == 10 }
            try await eventually("the connections are replaced thrice") {
                _ = try await transport.get(server.me)
                return transport.statistics.replacementsForAge >= 3
            }
            #expect(await slow.allSatisfy { $0 == .success(200) })
            try await eventually("nothing is in flight") { transport.statistics.requestsUnderWay == 0 }
        }
    }

    @Test("a frozen connection is replaced after the allowed number of time-outs")
    func frozen() async throws {
        let server = try await SecureEmulator.start(try await SecureEmulator.certificate())
        let relay = Relay(toPort: server.emulator.port)
        let transport = try CurlTransport(trusting: server.certificate) {
            $0.connectTimeout = .seconds(3)
            $0.requestTimeout = .seconds(3)
            $0.timeoutsUntilReconnect = 2
        }
        let me = "https://127.0.0.1:\(relay.port)/v1.3/me?access_token=\(SecureEmulator.token)"
        #expect(try await transport.get(me).status == 200)
        relay.freeze()
        // The first request ends at the caller's deadline, the second at the request timeout.
        #expect(await transport.failure(me, timeout: .milliseconds(500))?.code == .deadlineExceeded)
        #expect(relay.acceptedConnections == 1)
        #expect(await transport.failure(me)?.code == .timedOut)
        #expect(relay.acceptedConnections == 1)
        #expect(await transport.manyAtOnce(10, me).allSatisfy { $0 == .success(200) })
        #expect(relay.acceptedConnections == 2)
        #expect(transport.statistics.replacementsForTimeouts == 1)
        transport.shutdown()
        relay.stop()
        try await server.emulator.stop()
    }

    @Test("single time-outs between responses replace no connection")
    func singleTimeouts() async throws {
        try await withEmulator({ $0.connectTimeout = .seconds(1) }) { transport, server async throws in
            server.emulator.setFault(.hang, for: .accounts)
            for _ in 1...6 {
                #expect(try await transport.get(server.me).status == 200)
                #expect(await transport.failure(server.accounts, timeout: .milliseconds(250))?.code == .deadlineExceeded)
            }
            #expect(transport.statistics.replacementsForTimeouts == 0)
            #expect(server.connections.accepted == 1)
        }
    }

    @Test("a shutdown ends retired connections as well")
    func shutDown() async throws {
        try await withEmulator({ $0.maximumConnectionLifetime = .milliseconds(50) }) { transport, server async throws in
            server.emulator.setFault(.hang, for: .accounts)
            async let hanging = transport.manyAtOnce(3, server.accounts)
            try await eventually("they hang") { server.emulator.statistics[.accounts] == 3 }
            try await eventually("the connections are replaced") {
                _ = try await transport.get(server.me)
                return transport.statistics.replacementsForAge >= 1
            }
            transport.shutdown()
            for outcome in await hanging {
                #expect(outcome == .failure(TransportError(.shutDown, requestMayHaveBeenSent: true)))
            }
            #expect(await transport.failure(server.me)?.code == .shutDown)
            try await eventually("every connection is closed") { server.connections.open == 0 }
        }
    }
}
