import CallerLimits
import DoormanCore
import DoormanSupport
import DoormanWire
import Glibc
import NIOPosix
import TestKit
import Testing

@testable import DoormanServer

@Suite("Figures of the server for operators")
struct FigureTests {
    private func instant(_ microseconds: UInt64) -> Instant { Instant(nanoseconds: microseconds * 1000) }

    @Test("hits, failures and their latencies are counted by the protocol of their connection")
    func protocols() {
        let counters = ServerCounters()
        for (wireProtocol, hits) in [(ServerProtocol.ttrpc, 3), (.http2, 2), (.http1, 1), (.ttrpc, 1)] {
            counters.wireProtocol = wireProtocol
            for _ in 0..<hits { counters.countHit(denial: nil) }
            counters.endTurn(from: instant(0), to: instant(UInt64(hits)))
        }
        counters.countHit(denial: .rejected(.tokenRejected))
        counters.endTurn(from: instant(0), to: instant(1))
        counters.wireProtocol = .http1
        counters.countFailure(.malformedToken, of: .verify)
        counters.countFinished(.exchange, from: .provider, nil, took: .milliseconds(2))
        let snapshot = counters.snapshot
        #expect(
            snapshot.calls == [
                .init(.ttrpc, .verify, from: .cache, nil): 4, .init(.http2, .verify, from: .cache, nil): 2,
                .init(.http1, .verify, from: .cache, nil): 1, .init(.ttrpc, .verify, from: .cache, .tokenRejected): 1,
                .init(.http1, .verify, from: .server, .malformedToken): 1, .init(.http1, .exchange, from: .provider, nil): 1,
            ])
        let counts = snapshot.latencies.mapValues(\.snapshot.count)
        #expect(
            counts == [
                .init(wireProtocol: .ttrpc, method: .verify, source: .cache): 5,
                .init(wireProtocol: .http2, method: .verify, source: .cache): 2,
                .init(wireProtocol: .http1, method: .verify, source: .cache): 1,
                .init(wireProtocol: .http1, method: .exchange, source: .provider): 1,
            ])
    }

    @Test("calls are counted by the rule of their caller, over a reload of the policy too")
    func rules() async throws {
        var limits = CallerQuota.Limits()
        limits.calls = RateLimit(perSecond: 1, burst: 2)
        let one = CallerPolicy.Rule([.one(Caller(name: "uri:spiffe://a/b"))], CallerPermissions(.verify))
        let local = CallerPolicy.Rule([.local, .any], CallerPermissions(.verify, limits))
        let policy = CallerPolicy([one, local], setting: "authorization.policy-file")
        try await withServer(settings: { $0.policy = policy }) { server, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send((0..<3).flatMap { try Frames.verify("cached", streamID: 2 * $0 + 1) })
            try await peer.send(Frames.revoke("cached", streamID: 7))
            for _ in 0..<4 { _ = try await peer.readFrame() }
            let name = "local and 1 more"
            var counts = try #require(await server.counters().rules[name])
            #expect(counts.calls == 2)
            #expect(counts.turnedDown == [.rate: 1, .permission: 1])
            #expect(await server.counters().rules["uri:spiffe://a/b"] == RuleCounters.Counts())
            await server.replacePolicy(CallerPolicy([one], setting: "authorization.policy-file")).value
            try await peer.send(Frames.verify("cached", streamID: 9))
            #expect(try await peer.readFrame().failure == .callerNotAllowed)
            #expect(await server.counters().rules[name] == nil)
            counts = try #require(await server.counters().rules["earlier rules"])
            #expect(counts.calls == 2)
            #expect(counts.turnedDown == [.rate: 1, .permission: 1])
            #expect(await server.counters().rules["none"]?.turnedDown == [.permission: 1])
            let inserted = CallerPolicy.Rule([.one(Caller(name: "uid:1"))], CallerPermissions(.verify))
            await server.replacePolicy(CallerPolicy([inserted, one], setting: "authorization.policy-file")).value
            try await peer.send(Frames.revoke("cached", streamID: 11))
            _ = try await peer.readFrame()
            #expect(await server.counters().rules["none"]?.turnedDown == [.permission: 2])
            #expect(await server.counters().rules.count == 4)
        }
    }

    @Test("a rule's name is bounded")
    func ruleNames() {
        let long = Caller(name: "dns:" + String(repeating: "a", count: 300))
        let policy = CallerPolicy(
            [
                .init([.one(long)], CallerPermissions(.verify)), .init([], CallerPermissions(.verify)),
                .init([.any], CallerPermissions(.verify)), .init([.any], CallerPermissions(.verify)),
            ], setting: "")
        #expect(policy.ruleNames.map(\.count) == [80, 10, 12, 12])
        #expect(policy.ruleNames.suffix(2) == ["any (rule 3)", "any (rule 4)"])
    }

    @Test("open and accepted connections are counted by protocol")
    func connections() async throws {
        try await withServer { server, port in
            let peers = try (0..<3).map { _ in try RawPeer.connect(port: port) }
            for peer in peers {
                try await peer.send(Frames.verify("cached", streamID: 1))
                _ = try await peer.readFrame()
            }
            // It has sent nothing, so its protocol is unknown.
            let silent = try RawPeer.connect(port: port)
            try await eventually("four connections") { server.connectionCount == 4 }
            var counts = await server.counters().connections
            #expect(counts[.ttrpc]?.accepted == 3)
            #expect(counts[.ttrpc]?.open == 3)
            #expect(counts.count == 1)
            peers[0].close()
            silent.close()
            try await eventually("two connections") { server.connectionCount == 2 }
            try await eventually("two are counted") { await server.counters().connections[.ttrpc]?.open == 2 }
            counts = await server.counters().connections
            #expect(counts[.ttrpc]?.accepted == 3)
        }
    }

    @Test("the delay of a task is recorded on each event loop, and a loop that is held shows")
    func loopLag() async throws {
        try await withServer { server, _ in
            let group = MultiThreadedEventLoopGroup.singleton
            let loops = UInt64(group.makeIterator().reduce(0) { count, _ in count + 1 })
            try await eventually("each loop has run its task") {
                for loop in group.makeIterator() {
                    loop.execute { usleep(300_000) }
                }
                let lag = await server.counters().loopLag.snapshot
                return lag.count >= loops && lag.percentile(100).map { $0 >= .milliseconds(100) } ?? false
            }
        }
    }
}
