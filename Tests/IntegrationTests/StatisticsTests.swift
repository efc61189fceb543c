import AccountKitEmulator
import DoormanClient
import DoormanServer
import Foundation
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Statistics, end to end")
struct StatisticsTests {
    private typealias Object = [String: Any]

    /// Returns the output of `doorman stats --json` for a `doormand` process.
    private func stats(_ doormand: DoormandProcess) async throws -> Object {
        let doorman = try ChildProcess.ours("doorman", ["stats", "--json", "--address", "127.0.0.1:\(doormand.port)"])
        try #require(try await doorman.ending() == 0, "\(doorman.allOutput)")
        return try #require(try JSONSerialization.jsonObject(with: Data(doorman.output.utf8)) as? Object)
    }

    private func object(_ list: Any?, where key: String, is value: String) throws -> Object {
        try #require((list as? [Object])?.first { $0[key] as? String == value }, "\(value)")
    }

    @Test("doorman stats --json reports doormand's activity")
    func numbers() async throws {
        try await DoormandProcess.run(["--cache-max-entries", "1600", "--provider-max-concurrent-calls", "7"]) { doormand in
            doormand.emulator.setFault(.latency(.milliseconds(20)), for: .me)
            let token = try await doormand.cachedToken()
            let peer = try RawPeer.connect(port: doormand.port)
            for streamID in [1, 3, 5] as [UInt32] {
                try await peer.send(DoormandProcess.verify(token, streamID: streamID))
                _ = try await peer.readFrame()
            }
            try await peer.send(DoormandProcess.verify("EMAWnobodys", streamID: 7))
            _ = try await peer.readFrame()

            let stats = try await stats(doormand)
            #expect(stats["outcome"] as? String == "statistics")
            #expect(stats["hits"] as? Int == 3 && stats["misses"] as? Int == 2 && stats["hit_ratio"] as? Double == 0.6)
            #expect(stats["failures"] as? [String: Int] == ["TOKEN_REJECTED": 1])
            let cacheHits = try object(stats["calls"], where: "source", is: "cache")
            #expect(cacheHits["method"] as? String == "Verify" && cacheHits["count"] as? Int == 3)
            #expect(cacheHits["code"] as? String == "OK")
            let byProvider = ((stats["calls"] as? [Object]) ?? []).filter { $0["source"] as? String == "provider" }
            #expect(byProvider.compactMap { $0["code"] as? String }.sorted() == ["OK", "UNAUTHENTICATED"])
            #expect(byProvider.allSatisfy { $0["method"] as? String == "Verify" && $0["total"] as? Int == 1 })
            let succeeded = ((stats["provider_requests"] as? [Object]) ?? []).filter { $0["outcome"] as? String == "success" }
            #expect(
                succeeded.compactMap { $0["endpoint"] as? String }.sorted() == ["accounts", "me"], "one is the credential check")
            #expect(succeeded.allSatisfy { $0["count"] as? Int == 1 })
            #expect(try object(stats["provider_requests"], where: "outcome", is: "token_rejected")["count"] as? Int == 1)
            let latency = try #require(stats["provider_latency_us"] as? [String: Int])
            #expect(latency["count"] == 3 && (latency["p50"] ?? 0) >= 20_000)
            let application = try object(stats["applications"], where: "application_id", is: Stack.ours.id)
            #expect(application["circuit_breaker"] as? String == "closed")
            for (setting, used, limit) in [
                ("cache.max-entries", 1, 1600), ("cache.max-negative-entries", 1, 10_000), ("provider.max-concurrent-calls", 0, 7),
                ("server.max-waiting-calls", 0, 5_000),
            ] {
                let state = try object(stats["limits"], where: "setting", is: setting)
                #expect(state["used"] as? Int == used && state["limit"] as? Int == limit, "\(state)")
            }
            let connections = try object(stats["limits"], where: "setting", is: "server.max-connections")
            // The connections of the peer and the CLI, and perhaps the previous connection.
            #expect((2...3).contains(connections["used"] as? Int ?? 0))
            let bytes = try object(stats["limits"], where: "setting", is: "cache.max-bytes")
            #expect((bytes["used"] as? Int ?? 0) > 100 && bytes["limit"] as? Int == 128 << 20)
            #expect((stats["gauges"] as? [String: Int])?["cache.capacity_tokens"] == 60_000)
            #expect((stats["uptime_seconds"] as? Double ?? 0) > 0)
            #expect((stats["version"] as? String)?.isEmpty == false)
            let hits = try object(stats["call_latencies"], where: "source", is: "cache")
            #expect((hits["latency_us"] as? [String: Int])?["count"] == 3)
            #expect(!"\(stats)".contains(token))
        }
    }

    @Test("an outage is visible in the statistics")
    func outage() async throws {
        try await Stack.run(settings: {
            $0.governor.circuitBreaker.consecutiveFailures = 1
            $0.governor.circuitBreaker.openTime = .seconds(3600)
            $0.governor.circuitBreaker.maximumOpenTime = .seconds(3600)
        }) { stack in
            let before = try await stack.client.statistics()
            #expect(before.applications == [.init(provider: "account-kit", applicationID: Stack.ours.id, circuitBreaker: .closed)])
            stack.emulator.setFault(.badGateway, for: .me)
            for _ in 0..<3 { #expect(await stack.verify("EMAWsomebodys") == "unavailable: PROVIDER_UNAVAILABLE") }
            let between = try #require(try await stack.client.statistics().since(before))
            #expect(between.applications == [.init(provider: "account-kit", applicationID: Stack.ours.id, circuitBreaker: .open)])
            #expect(between.providerRequests == [.init(provider: "account-kit", endpoint: "me", outcome: "server_error"): 1])
            let kind = ServerStatistics.CallKind(
                method: "Verify", source: "provider", code: "UNAVAILABLE", reason: "PROVIDER_UNAVAILABLE")
            #expect(between.calls[kind] == 1)
            // The circuit breaker is open.
            var turnedDown = kind
            turnedDown.source = "server"
            #expect(between.calls[turnedDown] == 2)
            #expect(between.counters[.cacheMisses] == 3)
        }
    }

    /// The default bytes allow for tokens of unusual size. The default number of entries is the limit for usual tokens.
    @Test("the default bytes suffice for the default number of entries")
    func defaultBytesHoldDefaultEntries() async throws {
        try await Stack.run { stack in
            let phone = try stack.emulator.logIn(phone: "+15551234567")
            let email = try stack.emulator.logIn(email: "person.with.a.long.name@department.example.com")
            let foreign = try stack.emulator.logIn(phone: "+15551111111")
            let silent = try stack.emulator.logIn(phone: "+15552222222")
            var before = stack.dependencies.verifier.statistics
            for (token, fault, outcome) in [
                (phone, nil, "OK"), (email, nil, "OK"), ("EMAWnobodys", nil, "rejected: TOKEN_REJECTED"),
                (foreign, Fault.applicationForeign, "rejected: WRONG_APPLICATION"),
                (silent, Fault.applicationMissing, "rejected: WRONG_APPLICATION"),
            ] {
                if let fault { stack.emulator.setFault(fault, for: .me) }
                #expect(await stack.verify(token) == outcome)
                let after = stack.dependencies.verifier.statistics
                #expect(after.valid.entries + after.negative.entries == before.valid.entries + before.negative.entries + 1)
                #expect(after.valid.bytes - before.valid.bytes <= after.valid.maximumBytes / after.valid.maximumEntries)
                #expect(
                    after.negative.bytes - before.negative.bytes <= after.negative.maximumBytes / after.negative.maximumEntries)
                before = after
            }
        }
    }

    @Test("lower cache bounds are visible once they apply")
    func reloadedBounds() async throws {
        try await Stack.run { stack in
            stack.dependencies.verifier.limit(
                valid: .init(entries: 32, bytes: 1 << 20), negative: .init(entries: 16, bytes: 1 << 20))
            let limits = try await stack.client.statistics().limits
            #expect(limits.first { $0.setting == "cache.max-entries" }?.limit == 32)
            #expect(limits.first { $0.setting == "cache.max-negative-bytes" }?.limit == 1 << 20)
        }
    }

    @Test("a policy can deny statistics to local processes")
    func policy() async throws {
        try await Stack.run(settings: {
            $0.server.policy = CallerPolicy([.init([.any], CallerPermissions(.verify))], setting: "authorization.policy-file")
        }) { stack in
            let error = await #expect(throws: DoormanError.self) { try await stack.client.statistics() }
            #expect(error?.reason == "unavailable: CALLER_NOT_ALLOWED")
        }
    }
}
