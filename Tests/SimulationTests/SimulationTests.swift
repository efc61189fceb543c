import Foundation
import Simulation
import Testing

@Suite("Seeded histories")
struct SimulationTests {
    /// Number of seeds: `DOORMAN_SIMULATION_SEEDS`, or 10,000 by default. `swift run simulate --first SEED --count 1` replays a failed
    /// seed.
    private static let seeds = ProcessInfo.processInfo.environment["DOORMAN_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 10_000

    @Test("ten thousand histories violate no invariant")
    func holds() async throws {
        // Each history has a world of its own, on the one thread that plays it.
        let lanes = UInt64(ProcessInfo.processInfo.activeProcessorCount)
        let counts = try await withThrowingTaskGroup { group in
            for lane in 0..<lanes {
                group.addTask { try await Self.play(stride(from: lane, to: Self.seeds, by: Int(lanes))) }
            }
            return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
        // A simulation without events finds nothing.
        for event in [
            "fresh", "cached", "stale", "tokenRejected", "wrongApplication", "proofRejected", "deadlineExceeded", "providerBusy",
            "providerUnavailable", "providerMisconfigured", "revocations", "exchanges", "cache hits", "recovered",
        ] {
            #expect(counts[event, default: 0] > Int(Self.seeds) / 10, "\(event)")
        }
        for meaning in ["oddRequest", "providerFails", "misconfigured", "throttled"] {
            #expect(counts["odd responses: \(meaning)", default: 0] > Int(Self.seeds) / 100, "\(meaning)")
        }
    }

    /// Plays the histories and returns the number of each kind of event.
    private static func play(_ seeds: StrideTo<UInt64>) async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        var failures = 0
        for seed in seeds {
            let outcome = try Simulation.run(seed: seed)
            counts.merge(outcome.counts, uniquingKeysWith: +)
            #expect(outcome.violations.isEmpty, "seed \(seed)")
            failures += outcome.violations.isEmpty ? 0 : 1
            // A history with hanging tasks keeps all its memory.
            try #require(failures < 10, "too many seeds fail; the rest is skipped")
            await Task.yield()
        }
        return counts
    }

    @Test("a seed plays the same history each time", arguments: [1, 2, 3])
    func replays(seed: UInt64) throws {
        let first = try Simulation.run(seed: seed)
        let second = try Simulation.run(seed: seed)
        #expect(first.counts == second.counts)
        #expect(first.violations == second.violations)
    }
}
