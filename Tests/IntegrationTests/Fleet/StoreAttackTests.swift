import TestKit
import Testing

/// An attacker who can write to the store, and does not know the fleet's secret.
@Suite(
    "A fleet whose store is attacked", .enabled(if: RedisServer.areInstalled, RedisServer.reason), .serialized,
    .timeLimit(.minutes(5)))
struct StoreAttackTests {
    private typealias Change = StoreAttacker.Change

    private static func run(_ body: (FleetOfThree, StoreAttacker) async throws -> Void) async throws {
        let store = try await RedisServer()
        let patient = ["--fleet-command-timeout", "1s", "--cache-ttl", "10m"]
        try await FleetOfThree.run(patient, store: { _ in FleetOfThree.plain(store) }) { fleet in
            try await body(fleet, StoreAttacker(store: store))
        }
        store.stop()
    }

    /// Has the first node store the verdicts of new tokens.
    private static func storedTokens(_ fleet: FleetOfThree, _ attacker: StoreAttacker) async throws -> [FleetOfThree.Token] {
        let (tokens, before) = (try fleet.accountKitTokens(10), try await attacker.entryCount())
        try await fleet.fill(fleet.nodes[0], tokens)
        try await eventually("the entries are stored") { try await attacker.entryCount() == before + tokens.count }
        return tokens
    }

    private static func expectIdentities(_ tokens: [FleetOfThree.Token], at node: FleetProcess) async {
        for token in tokens { #expect(await node.verify(token) == .identity) }
    }

    private static func rejectedEntries(_ reason: String, at node: FleetProcess) async throws -> Double {
        try await node.metrics()["doorman_fleet_entries_rejected_total{reason=\"\(reason)\"}"] ?? 0
    }

    @Test("changed entries are rejected and lead to no other identity")
    func changedEntries() async throws {
        try await Self.run { fleet, attacker in
            let reader = fleet.nodes[1]
            for change in Change.allCases {
                let tokens = try await Self.storedTokens(fleet, attacker)
                let before = try await Self.rejectedEntries(change.rawValue, at: reader)
                try await attacker.changeEntries(change)
                await Self.expectIdentities(tokens, at: reader)
                #expect(try await Self.rejectedEntries(change.rawValue, at: reader) >= before + 10)
            }
            let tokens = try await Self.storedTokens(fleet, attacker)
            let before = try await Self.rejectedEntries("forged", at: reader)
            try await attacker.swapEntries()
            await Self.expectIdentities(tokens, at: reader)
            #expect(try await Self.rejectedEntries("forged", at: reader) >= before + 10)
        }
    }

    @Test("an entry from before a revocation is not used again")
    func replayedEntries() async throws {
        try await Self.run { fleet, attacker in
            let tokens = try await Self.storedTokens(fleet, attacker)
            try await attacker.saveEntries()
            for token in tokens { _ = try await fleet.nodes[0].revoke(token) }
            try await attacker.replayEntries()
            for node in fleet.nodes {
                for token in tokens {
                    try await eventually("a node rejects the token") { await node.verify(token) == .rejected }
                }
            }
            try await fleet.nodes[2].restart()
            try await fleet.waitUntilCaughtUp()
            try await attacker.replayEntries()
            for token in tokens { #expect(await fleet.nodes[2].verify(token) == .rejected) }
        }
    }

    @Test("old records and garbage in the log change no verdict")
    func records() async throws {
        try await Self.run { fleet, attacker in
            let (good, revoked) = (try fleet.accountKitTokens(5) + fleet.jwts(5), try fleet.accountKitTokens(5) + fleet.jwts(5))
            for token in revoked { _ = try await fleet.nodes[0].revoke(token) }
            for _ in 0..<3 {
                try await attacker.replayRecords()
                for node in fleet.nodes {
                    await Self.expectIdentities(good, at: node)
                    for token in revoked {
                        try await eventually("a node rejects the token") { await node.verify(token) == .rejected }
                    }
                }
            }
            for node in fleet.nodes {
                let metrics = try await node.metrics()
                for reason in ["malformed", "forged"] {
                    #expect(metrics["doorman_fleet_records_rejected_total{reason=\"\(reason)\"}"] ?? 0 > 0)
                }
                #expect(metrics["doorman_fleet_losses_total"] == 0)
            }
            let last = try #require(good.last)
            _ = try await fleet.nodes[1].revoke(last)
            for node in fleet.nodes {
                try await eventually("a later revocation comes through") { await node.verify(last) == .rejected }
            }
        }
    }

    @Test("deletions bring no revoked token back to a node that runs")
    func deletions() async throws {
        try await Self.run { fleet, attacker in
            let load = try await FleetLoad(fleet, good: 20, doomed: 60)
            try await load.run(callsPerSecond: 100, revocationsPerSecond: 5) {
                for _ in 0..<8 {
                    await load.revokeNow(3)
                    try await attacker.deleteAll()
                    try await Task.sleep(for: .milliseconds(300))
                }
            }
            try await load.settle()
            let findings = load.findings
            #expect(findings.wrong.isEmpty && findings.failed.isEmpty)
            #expect(findings.longestSurelyLate <= FleetOfThree.bound)
        }
    }

    @Test("a node that starts beside a deleted log and deleted denials accepts no revoked token")
    func deletedLog() async throws {
        try await Self.run { fleet, attacker in
            let jwts = try fleet.jwts(10)
            for node in fleet.nodes { try await fleet.fill(node, jwts) }
            let tokens = try await Self.storedTokens(fleet, attacker) + jwts
            try await attacker.saveEntries()
            for token in tokens { _ = try await fleet.nodes[0].revoke(token) }
            try await fleet.nodes[2].stop()
            try await attacker.deleteAll()
            try await attacker.replayEntries()
            try fleet.nodes[2].start()
            var identities = 0
            // The others repeat what the log has lost within 10 s.
            let end = ContinuousClock.now + .seconds(9)
            while ContinuousClock.now < end {
                for token in tokens where await fleet.nodes[2].verify(token) == .identity {
                    identities += 1
                }
                try await attacker.replayEntries()
            }
            #expect(identities == 0)
            for token in tokens { #expect(await fleet.nodes[2].verify(token) == .rejected) }
        }
    }
}
