import TestKit
import Testing

/// Trouble of the store under load. `DOORMAN_FULL_DAYS=1` runs it at full size.
@Suite(
    "A fleet in trouble", .enabled(if: RedisServer.areInstalled, RedisServer.reason), .serialized, .timeLimit(.minutes(10)))
struct StoreTroubleTests {
    private static let callsPerSecond = TestSize.isFull ? 2000 : 300
    private static let revocationsPerSecond = TestSize.isFull ? 10 : 5
    /// Longer than the bound, so that what a node can't know matters.
    private static let length = Duration.seconds(TestSize.isFull ? 10 : 3)

    /// Runs the load before, during and after the trouble, and checks every verdict.
    private static func check(
        _ name: String, withholding: ClosedRange<Int> = 0...2, store: (Int) -> [String], begin: () async throws -> Void,
        end: () async throws -> Void
    ) async throws {
        try await FleetOfThree.run(store: store) { fleet in
            let load = try await FleetLoad(fleet, good: TestSize.isFull ? 200 : 60, doomed: TestSize.isFull ? 600 : 80)
            try await load.run(callsPerSecond: callsPerSecond, revocationsPerSecond: revocationsPerSecond) {
                try await Task.sleep(for: .seconds(1))
                // The others may not have read these when the trouble begins.
                await load.revokeNow(10)
                try await begin()
                try await Task.sleep(for: length)
                try await end()
                try await fleet.waitUntilCaughtUp()
                try await Task.sleep(for: .milliseconds(500))
            }
            try await load.settle()
            let findings = load.findings
            print(
                "fleet trouble | \(name) | calls \(findings.calls) | identities \(findings.identities) | withheld \(findings.withheld.values.reduce(0, +))",
                "| failed \(findings.failed) | wrong \(findings.wrong.count) | acknowledged \(findings.delays.count)",
                "| not \(findings.unacknowledged) | last identity: median \(findings.medianDelay), max \(findings.longestDelay)",
                "(surely \(findings.longestSurelyLate))")
            #expect(findings.wrong.isEmpty, "\(findings.wrong.prefix(5))")
            #expect(findings.failed.isEmpty)
            #expect(findings.delays.count >= 10)
            #expect(findings.withheld.keys.allSatisfy(fleet.nodes[withholding].map(\.port).contains))
            #expect(findings.longestSurelyLate <= FleetOfThree.bound)
        }
    }

    @Test("a primary that hangs costs no verdict of the provider")
    func hangs() async throws {
        let store = try await RedisServer()
        try await Self.check("primary stopped", store: { _ in FleetOfThree.plain(store) }) {
            store.process.pause()
        } end: {
            store.process.resume()
        }
        store.stop()
    }

    @Test("a primary that comes back empty brings no revoked token back")
    func comesBackEmpty() async throws {
        let store = try await RedisServer(.valkey9)
        try await Self.check("primary killed, back empty", store: { _ in FleetOfThree.plain(store) }) {
            try await store.kill()
        } end: {
            try await store.start()
        }
        store.stop()
    }

    @Test("a primary that restarts at once, and empty, brings no revoked token back", .enabled(if: TestSize.isFull))
    func restartsAtOnce() async throws {
        let store = try await RedisServer(.redis8)
        try await Self.check("primary killed, back at once", store: { _ in FleetOfThree.plain(store) }) {
            try await store.kill()
            try await store.start()
        } end: {
        }
        store.stop()
    }

    @Test("a failover, with TLS everywhere, brings no revoked token back")
    func failover() async throws {
        let authority = try await TestAuthority()
        let tls = try await RedisServer.TLSFiles(from: authority)
        let primary = try await RedisServer(tls: tls)
        let replica = try await RedisServer(.redis7, ["replicaof 127.0.0.1 \(primary.port)"], tls: tls)
        let sentinel = try await RedisServer.sentinel(of: "tokens", at: primary, tls: tls)
        try await eventually("the Sentinel knows the replica") {
            try await sentinel.run("SENTINEL", "REPLICAS", "tokens").contains("\(replica.port)")
        }
        try await eventually("the replica is in step") {
            try await replica.run("INFO", "replication").contains("master_link_status:up")
        }
        let location = [
            "--fleet-store", "rediss://127.0.0.1:\(sentinel.port)", "--fleet-ca-file", authority.certificateFile,
            "--fleet-sentinel-primary", "tokens",
        ]
        try await Self.check("failover", store: { _ in location }) {
            try await primary.kill()
        } end: {
            try await eventually("the replica is the primary") {
                try await replica.run("INFO", "replication").contains("role:master")
            }
        }
        for server in [primary, replica, sentinel] { server.stop() }
    }

    @Test("a full store costs no verdict of the provider")
    func full() async throws {
        let store = try await RedisServer()
        try await Self.check("store full", store: { _ in FleetOfThree.plain(store) }) {
            try await store.run("CONFIG", "SET", "maxmemory", "1")
        } end: {
            try await store.run("CONFIG", "SET", "maxmemory", "0")
        }
        store.stop()
    }

    @Test(
        "a node whose packets are lost serves no revoked token past the bound",
        .enabled("needs root, and ip of iproute2") { await NetworkNamespace.isAvailable() })
    func losesPackets() async throws {
        let network = try await NetworkNamespace()
        let store = try await RedisServer(in: network)
        let location = { (node: Int) in
            ["--fleet-store", "redis://\(network.addresses[node == 2 ? 1 : 0]):\(store.port)", "--fleet-allow-plaintext=true"]
        }
        try await Self.check("packets of one node lost", withholding: 2...2, store: location) {
            try await network.cut(link: 1)
        } end: {
            try await network.restore(link: 1)
        }
        store.stop()
    }

    @Test("a node that is cut off serves no revoked token past the bound")
    func cutOff() async throws {
        let store = try await RedisServer()
        let proxy = try await StoreProxy.start(to: store.port)
        let location = { (node: Int) in ["--fleet-store", "redis://127.0.0.1:\(node == 2 ? proxy.port : store.port)"] }
        try await Self.check("one node cut off", withholding: 2...2, store: location) {
            proxy.cut()
        } end: {
            proxy.restore()
        }
        try await proxy.stop()
        store.stop()
    }
}
