import Simulation
import Testing

/// `swift run simulate --first SEED --count 1` replays a failed seed.
@Suite("Seeded histories")
struct SimulationTests {
    @Test("ten thousand histories violate no invariant")
    func holds() async throws {
        let counts = try await SeededHistories.play(SeededHistories.seeds, Simulation.run)
        // A simulation without events finds nothing.
        for event in [
            "fresh", "cached", "stale", "tokenRejected", "wrongApplication", "proofRejected", "deadlineExceeded", "providerBusy",
            "providerUnavailable", "providerMisconfigured", "revocations", "exchanges", "cache hits", "recovered",
        ] {
            #expect(counts[event, default: 0] > Int(SeededHistories.seeds) / 10, "\(event)")
        }
        for meaning in ["oddRequest", "providerFails", "misconfigured", "throttled"] {
            #expect(counts["odd responses: \(meaning)", default: 0] > Int(SeededHistories.seeds) / 100, "\(meaning)")
        }
    }

    @Test("a seed plays the same history each time", arguments: [1, 2, 3])
    func replays(seed: UInt64) throws {
        try SeededHistories.expectSame(seed, Simulation.run)
    }
}
