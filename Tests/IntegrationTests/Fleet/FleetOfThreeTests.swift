import DoormanClient
import TestKit
import Testing

/// Three processes of one fleet on each of the real stores.
@Suite(
    "A fleet of three processes", .enabled(if: RedisServer.areInstalled, RedisServer.reason), .serialized,
    .timeLimit(.minutes(5)))
struct FleetOfThreeTests {
    /// A store of its kind: Redis 7.0 with TLS, the others without.
    private static func run(
        _ program: RedisServer.Program, _ arguments: [String] = [], _ body: (FleetOfThree) async throws -> Void
    ) async throws {
        guard program == .redis7 else {
            let store = try await RedisServer(program)
            try await FleetOfThree.run(arguments, store: { _ in FleetOfThree.plain(store) }, body)
            return store.stop()
        }
        let authority = try await TestAuthority()
        let store = try await RedisServer(program, tls: RedisServer.TLSFiles(from: authority))
        let location = ["--fleet-store", "rediss://127.0.0.1:\(store.port)", "--fleet-ca-file", authority.certificateFile]
        try await FleetOfThree.run(arguments, store: { _ in location }, body)
        store.stop()
    }

    @Test("a revocation at one node is rejected by the others within the bound", arguments: RedisServer.Program.allCases)
    func revocation(_ program: RedisServer.Program) async throws {
        try await Self.run(program) { fleet in
            var longest = Duration.zero
            let tokens = try fleet.accountKitTokens(10) + fleet.jwts(10)
            for node in fleet.nodes { try await fleet.fill(node, tokens) }
            for (number, token) in tokens.enumerated() {
                let author = fleet.nodes[number % 3]
                _ = try await author.revoke(token)
                let acknowledged = ContinuousClock.now
                #expect(await author.verify(token) == .rejected)
                for node in fleet.nodes {
                    try await eventually("the node rejects the token") { await node.verify(token) == .rejected }
                }
                longest = max(longest, ContinuousClock.now - acknowledged)
            }
            print("fleet, \(program): \(tokens.count) revocations were rejected everywhere within \(longest)")
            #expect(longest < FleetOfThree.bound)
        }
    }

    @Test("the position of a revocation is obeyed by the other nodes at once")
    func position() async throws {
        try await Self.run(.redis8) { fleet in
            var (requests, withheld) = (0, 0)
            for number in 0..<20 {
                let tokens = try fleet.accountKitTokens(1) + fleet.jwts(1)
                for token in tokens {
                    for node in fleet.nodes { try await fleet.fill(node, [token]) }
                    let position = try await fleet.nodes[number % 3].revoke(token)
                    #expect(position != nil)
                    let result = await fleet.nodes[(number + 1) % 3].verify(token, notBefore: position)
                    switch result {
                    case .rejected: requests += 1
                    case .failed("unavailable: STORE_UNAVAILABLE") where token.isJWT: withheld += 1
                    default: Issue.record("\(result), JWT: \(token.isJWT)")
                    }
                }
            }
            print("fleet: with the position, \(requests) were rejected and \(withheld) were unavailable at once")
        }
    }

    @Test("a revocation that the fleet has acknowledged is rejected everywhere", arguments: RedisServer.Program.allCases)
    func acknowledgedByAll(_ program: RedisServer.Program) async throws {
        try await Self.run(program, ["--fleet-acknowledge", "fleet"]) { fleet in
            var longest = Duration.zero
            for number in 0..<10 {
                let tokens = try fleet.accountKitTokens(1) + fleet.jwts(1)
                for token in tokens {
                    for node in fleet.nodes { try await fleet.fill(node, [token]) }
                    let began = ContinuousClock.now
                    _ = try await fleet.nodes[number % 3].revoke(token)
                    longest = max(longest, ContinuousClock.now - began)
                    for node in fleet.nodes { #expect(await node.verify(token) == .rejected) }
                }
            }
            print("fleet, \(program): the longest revocation that the fleet acknowledges took \(longest)")
        }
    }

    @Test("new tokens cost the provider one request each")
    func oneRequestPerToken() async throws {
        let store = try await RedisServer()
        let count = TestSize.isFull ? 10_000 : 1000
        // Debug builds on two busy cores are slow. A token that is refreshed early would cost a second request.
        let patient = ["--fleet-command-timeout", "1s", "--cache-ttl", "10m"]
        try await FleetOfThree.run(patient, bound: "1m", store: { _ in FleetOfThree.plain(store) }) { fleet in
            let tokens = try fleet.accountKitTokens(count)
            let (before, began) = (fleet.providerRequests, ContinuousClock.now)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let workers = 16
                for worker in 0..<workers {
                    let part = stride(from: worker, to: count, by: workers).map { tokens[$0] }
                    group.addTask {
                        for token in part {
                            async let first = fleet.nodes[0].verify(token)
                            async let second = fleet.nodes[1].verify(token)
                            async let third = fleet.nodes[2].verify(token)
                            #expect(await [first, second, third] == [.identity, .identity, .identity])
                        }
                    }
                }
                try await group.waitForAll()
            }
            let requests = fleet.providerRequests - before
            print("fleet: \(count) tokens at 3 nodes cost \(requests) provider requests in \(ContinuousClock.now - began)")
            var metrics: [String] = []
            for node in fleet.nodes {
                let values = try await node.metrics().filter { $0.key.hasPrefix("doorman_fleet") && !$0.key.contains("_bucket") }
                metrics += values.filter { $0.value > 0 }.map { "\($0.key) \($0.value)" }.sorted()
            }
            #expect(requests == count, "\(metrics)")
        }
        store.stop()
    }

    @Test("a restarted node answers from the store and then from its cache")
    func restart() async throws {
        let store = try await RedisServer()
        let patient = ["--fleet-command-timeout", "1s", "--cache-ttl", "10m"]
        try await FleetOfThree.run(patient, bound: "1m", store: { _ in FleetOfThree.plain(store) }) { fleet in
            let tokens = try fleet.accountKitTokens(TestSize.isFull ? 10_000 : 500)
            try await fleet.fill(fleet.nodes[0], tokens)
            let restarted = fleet.nodes[2]
            let before = fleet.providerRequests
            try await restarted.restart()
            try await eventually("the node is caught up", within: .seconds(60)) { try await restarted.isCaughtUp(servers: 3) }
            var (calls, hits, ratio) = (0.0, 0.0, 0.0)
            let began = ContinuousClock.now
            while ratio < 0.95 {
                // The tokens that callers bring soon after each other are mostly the same.
                for _ in 0..<200 {
                    let token = tokens[Int(Double(tokens.count) * Double.random(in: 0..<1) * Double.random(in: 0..<1))]
                    #expect(await restarted.verify(token) == .identity)
                }
                let sum = try await restarted.metrics()["doorman_cache_hits_total{segment=\"valid\"}"] ?? 0
                (ratio, calls, hits) = ((sum - hits) / 200, calls + 200, sum)
            }
            let shared = try await restarted.metrics()["doorman_fleet_entry_hits_total"] ?? 0
            let time = ContinuousClock.now - began
            print("fleet: a restarted node had a hit ratio of \(ratio) after \(calls) calls, \(shared) store hits and \(time)")
            #expect(fleet.providerRequests == before)
        }
        store.stop()
    }
}
