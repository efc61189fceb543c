import Simulation
import Testing

@Suite("Seeded histories of an issuer's keys")
struct IssuerSimulationTests {
    /// Number of seeds: a tenth of `DOORMAN_SIMULATION_SEEDS`, or 1,000 by default, since signatures take time.
    /// `swift run simulate keys --first SEED --count 1` replays a failed seed.
    private static let seeds = SeededHistories.seeds / 10

    @Test("a thousand histories violate no invariant")
    func holds() async throws {
        let counts = try await SeededHistories.play(Self.seeds, IssuerSimulation.run)
        // A simulation without events finds nothing.
        for event in [
            "fresh", "cached", "rejected", "providerUnavailable", "published keys", "withdrawn keys", "fetches", "good responses",
            "denied tokens", "recovered",
        ] {
            #expect(counts[event, default: 0] > Int(Self.seeds) / 10, "\(event)")
        }
    }

    @Test("a seed plays the same history each time", arguments: [1, 2, 3])
    func replays(seed: UInt64) throws {
        try SeededHistories.expectSame(seed, IssuerSimulation.run)
    }
}
