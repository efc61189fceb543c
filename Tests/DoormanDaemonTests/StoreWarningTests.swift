import DoormanFleet
import Testing

@testable import DoormanDaemon

@Suite("Warnings about a fleet's store")
struct StoreWarningTests {
    private func server(_ change: (inout StoreServer) -> Void = { _ in }) -> StoreServer {
        var server = StoreServer(runID: "1", version: "redis 7.0.15", persistence: .appendOnlyFile)
        change(&server)
        return server
    }

    @Test("a store that keeps the log has none")
    func none() {
        #expect(server().warnings(withSentinel: false) == [])
        #expect(server().summary == "redis 7.0.15, with an append-only file, maxmemory-policy noeviction, 0 replicas")
    }

    @Test("an eviction policy that may evict the log has one", arguments: ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
    func eviction(policy: String) {
        let warnings = server { $0.evictionPolicy = policy }.warnings(withSentinel: false)
        #expect(warnings == ["maxmemory-policy \(policy) can evict the log of revocations: set volatile-lru or volatile-ttl."])
        #expect(server { $0.evictionPolicy = "volatile-lru" }.warnings(withSentinel: false) == [])
    }

    @Test("a store that keeps nothing on disk has one")
    func disk() {
        #expect(server { $0.persistence = .none }.warnings(withSentinel: false).count == 1)
        #expect(server { $0.persistence = .snapshots }.warnings(withSentinel: false) == [])
    }

    @Test("replicas that the primary can lose have one")
    func replicas() {
        let warnings = server { $0.replicas = 1 }.warnings(withSentinel: true)
        #expect(warnings.count == 1 && warnings[0].contains("min-replicas-to-write 1"))
        #expect(server { ($0.replicas, $0.needsReplicas) = (1, true) }.warnings(withSentinel: true) == [])
    }

    @Test("Sentinels without a replica have one")
    func lonelyPrimary() {
        #expect(
            server().warnings(withSentinel: true) == ["The primary has no replica, so the Sentinels have none to fail over to."])
    }
}
