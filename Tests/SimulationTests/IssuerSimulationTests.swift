import Foundation
import Simulation
import Testing

@Suite("Seeded histories of an issuer's keys")
struct IssuerSimulationTests {
    /// Number of seeds: a tenth of `DOORMAN_SIMULATION_SEEDS`, or 1,000 by default, since signatures take time.
    /// `swift run simulate keys --first SEED --count 1` replays a failed seed.
    private static let seeds =
        ProcessInfo.processInfo.environment["DOORMAN_SIMULATION_SEEDS"].flatMap(UInt64.init).map { $0 / 10 } ?? 1_000

    @Test("a thousand histories violate no invariant")
    func holds() async throws {
        let lanes = UInt64(ProcessInfo.processInfo.activeProcessorCount)
        let counts = try await withThrowingTaskGroup { group in
            for lane in 0..<lanes {
                group.addTask { try await Self.play(stride(from: lane, to: Self.seeds, by: Int(lanes))) }
            }
            return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
        // A simulation without events finds nothing.
        for event in [
            "fresh", "cached", "rejected", "providerUnavailable", "published keys", "withdrawn keys", "fetches", "good responses",
            "denied tokens", "recovered",
        ] {
            #expect(counts[event, default: 0] > Int(Self.seeds) / 10, "\(event)")
        }
    }

    /// Plays the histories and returns the number of each kind of event.
    private static func play(_ seeds: StrideTo<UInt64>) async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        var failures = 0
        for seed in seeds {
            let outcome = try IssuerSimulation.run(seed: seed)
            counts.merge(outcome.counts, uniquingKeysWith: +)
            #expect(outcome.violations.isEmpty, "seed \(seed)")
            failures += outcome.violations.isEmpty ? 0 : 1
            try #require(failures < 10, "too many seeds fail; the rest is skipped")
            await Task.yield()
        }
        return counts
    }

    @Test("a seed plays the same history each time", arguments: [1, 2, 3])
    func replays(seed: UInt64) throws {
        let first = try IssuerSimulation.run(seed: seed)
        let second = try IssuerSimulation.run(seed: seed)
        #expect(first.counts == second.counts)
        #expect(first.violations == second.violations)
    }
}
