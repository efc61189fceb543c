import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@Suite("Server statistics")
struct StatisticsTests {
    private func statistics(_ peer: RawPeer, streamID: UInt32 = 1) async throws -> ServerStatistics {
        try await peer.send(Frames.statistics(streamID: streamID))
        let response = try await peer.readFrame()
        return try #require(response.statistics, "\(String(describing: response.status))")
    }

    private func kind(_ method: String, _ source: String, _ code: String, _ reason: String = "") -> ServerStatistics.CallKind {
        ServerStatistics.CallKind(method: method, source: source, code: code, reason: reason)
    }

    @Test("statistics count the calls of all connections by outcome")
    func counts() async throws {
        let provider = ScriptedProvider.held()
        provider.release()
        try await withServer(provider) { server, port in
            // On several event loops if the group has several.
            let peers = try (0..<8).map { _ in try RawPeer.connect(port: port) }
            for peer in peers {
                try await peer.send(
                    Frames.verify("cached", streamID: 1) + Frames.verify("new", streamID: 3)
                        + Frames.verify("rejected", streamID: 5) + Frames.verify("malformed", streamID: 7)
                        + Frames.health(streamID: 9) + RawFrame(streamID: 11, type: 1, data: [0xFF]).bytes
                        + RawFrame(streamID: 2, type: 1, data: []).bytes)
                for _ in 0..<7 { _ = try await peer.readFrame() }
            }
            let stranger = try RawPeer.connect(port: port)
            try await stranger.send([0xFF])
            _ = try await stranger.readUntilEnd()
            try await eventually("the stranger's connection is closed") { server.connectionCount == 8 }

            let expected: [ServerStatistics.CallKind: UInt64] = [
                kind("Verify", "cache", "OK"): 8, kind("Verify", "provider", "OK"): 8,
                kind("Verify", "provider", "UNAUTHENTICATED", "TOKEN_REJECTED"): 8, kind("Check", "server", "OK"): 8,
                kind("Verify", "server", "INVALID_ARGUMENT", "MALFORMED_TOKEN"): 8,
                kind("", "server", "INVALID_ARGUMENT", "MALFORMED_REQUEST"): 16,
            ]
            let first = try await statistics(peers[0])
            #expect(first.calls == expected)
            #expect(first.latencies[.init(method: "Verify", source: "cache")]?.count == 8)
            #expect(first.latencies[.init(method: "Verify", source: "provider")]?.count == 16)
            #expect(first.counters == [.connectionsClosed("unknown_protocol"): 1, .connectionsAcceptFailures: 0])
            #expect(
                first.limits == [
                    .init(setting: "server.max-connections", used: 8, limit: 10_000),
                    .init(setting: "server.max-waiting-calls", used: 0, limit: 5_000),
                ])
            let second = try await statistics(peers[1])
            #expect(second.startedAt == first.startedAt && second.uptime >= first.uptime)
            #expect(second.calls[kind("Get", "server", "OK")] == 1)
        }
    }

    @Test("the layers below the server add their statistics")
    func source() async throws {
        let backend = ScriptedBackend(
            provider: ScriptedProvider.held(), cache: .init(),
            statistics: {
                var statistics = ServerStatistics()
                statistics.counters[.cacheHits] = 7
                statistics.limits = [.init(setting: "cache.max-entries", used: 1, limit: 2)]
                return statistics
            })
        try await withServer(backend: backend) { _, port in
            let statistics = try await statistics(RawPeer.connect(port: port))
            #expect(statistics.counters[.cacheHits] == 7)
            #expect(statistics.limits.last == .init(setting: "cache.max-entries", used: 1, limit: 2))
            #expect(statistics.limits.count == 3)
        }
    }

    @Test("statistics can be read without an in-flight permit")
    func full() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider, settings: { $0.maximumWaitingCalls = 1 }) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(
                Frames.verify("new", streamID: 1) + Frames.statistics(streamID: 3) + Frames.verify("other", streamID: 5))
            var responses: [UInt32: RawFrame] = [:]
            for _ in 0..<2 {
                let response = try await peer.readFrame()
                responses[response.streamID] = response
            }
            #expect(responses[5]?.failure == .tooManyCallsAtServer)
            #expect(responses[3]?.statistics?.limits.last == .init(setting: "server.max-waiting-calls", used: 1, limit: 1))
            provider.release()
            #expect(try await peer.readFrame().identity == .someone)
            try await eventually("the permit is free") {
                try await statistics(peer, streamID: 7).limits.last?.used == 0
            }
        }
    }

    @Test("a caller without permission can't read statistics")
    func notAllowed() async throws {
        let policy = CallerPolicy([.init([.any], CallerPermissions(.verify))], setting: "authorization.policy-file")
        try await withServer(settings: { $0.policy = policy }) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.statistics(streamID: 1))
            let status = try await peer.readFrame().status
            #expect(status?.failure == .callerNotAllowed)
            #expect(status?.message.hasPrefix("caller ip:127.0.0.1 is not allowed to call doorman.v1.Stats/Get") == true)
            await server.replacePolicy(
                CallerPolicy([.init([.local], CallerPermissions(.statistics))], setting: "authorization.policy-file")
            ).value
            let notAllowed = kind("Get", "server", "PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
            #expect(try await statistics(peer, streamID: 3).calls[notAllowed] == 1)
        }
    }

    @Test("a call that no provider request was sent for is counted as the server's")
    func answeredBy() async throws {
        let ends: [(VerificationError, String)] = [
            (VerificationError(.providerBusy, "limit"), "server"),
            (VerificationError(.providerUnavailable, "circuit breaker"), "server"),
            (VerificationError(.providerUnavailable, "lost", request: .sent), "provider"),
            (VerificationError(.providerMisconfigured, "secret", request: .responded), "provider"),
            (VerificationError(.deadlineExceeded, "late", request: .sent), "server"),
        ]
        for (error, source) in ends {
            let provider = ScriptedProvider()
            provider.verifications.script { _ in .failure(error) }
            try await withServer(provider) { _, port in
                let peer = try RawPeer.connect(port: port)
                try await peer.send(Frames.verify("new", streamID: 1))
                _ = try await peer.readFrame()
                let calls = try await statistics(peer, streamID: 3).calls
                #expect(calls.count == 1 && calls.keys.first?.source == source, "\(error.message): \(calls)")
                #expect(calls.keys.first?.method == "Verify")
            }
        }
    }

    @Test("a call whose deadline passes is counted with its method")
    func late() async throws {
        try await withServer(ScriptedProvider.held()) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("new", streamID: 1, timeout: .milliseconds(1)))
            _ = try await peer.readFrame()
            #expect(try await statistics(peer, streamID: 3).calls == [kind("Verify", "server", "DEADLINE_EXCEEDED"): 1])
        }
    }

    @Test("reads of the statistics count against the caller's rate limit")
    func limits() async throws {
        var limits = CallerQuota.Limits()
        limits.calls = RateLimit(perSecond: 1, burst: 2)
        let policy = CallerPolicy([.init([.any], CallerPermissions(.statistics, limits))], setting: "authorization.policy-file")
        let clock = SteppedClock()
        try await withServer(backend: { ScriptedBackend($0, timeSource: clock.timeSource) }, settings: { $0.policy = policy }) {
            _, port in
            let peer = try RawPeer.connect(port: port)
            _ = try await statistics(peer)
            var request = try Frames.statistics(streamID: 3)
            // A payload of one byte, which begins a field and ends there.
            request += [0x1A, 0x01, 0x0A]
            request[3] += 3
            try await peer.send(request)
            #expect(try await peer.readFrame().failure == .malformedRequest)
            try await peer.send(Frames.statistics(streamID: 5))
            #expect(try await peer.readFrame().failure == .tooManyCallsPerSecond)
        }
    }
}
