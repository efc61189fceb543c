import Simulation
import Testing

/// `swift run simulate fleet --first SEED --count 1` replays a failed seed.
@Suite("Seeded histories of three nodes and their store")
struct FleetSimulationTests {
    private static let seeds = SeededHistories.seeds

    @Test("ten thousand histories violate no invariant")
    func holds() async throws {
        let counts = try await SeededHistories.play(Self.seeds, FleetSimulation.run)
        // A simulation without events finds nothing.
        for event in [
            "fresh", "cached", "rejected", "providerUnavailable", "storeUnavailable", "acknowledged revocations", "shared entries",
            "replays", "attacks", "partitions", "restarts of nodes", "restarts of the store", "losses of the store", "recovered",
        ] {
            #expect(counts[event, default: 0] > Int(Self.seeds) / 10, "\(event)")
        }
        for event in ["losses", "stale"] + ["epoch", "revoked", "forged", "malformed", "expired"].map({ "entry rejected: \($0)" }) {
            #expect(counts[event, default: 0] > Int(Self.seeds) / 200, "\(event)")
        }
    }

    @Test("a seed plays the same history each time", arguments: [1, 2, 3])
    func replays(seed: UInt64) throws {
        try SeededHistories.expectSame(seed, FleetSimulation.run)
    }
}
