import Foundation
import Simulation
import Testing

@Suite("Histories that a seed decides")
struct SimulationTests {
    /// Ten thousand, or what `DOORMAN_SIMULATION_SEEDS` says. A failing one is played again by
    /// `swift run simulate --first SEED --count 1`.
    private static let seeds = ProcessInfo.processInfo.environment["DOORMAN_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 10_000

    @Test("nothing that must never be true is, in ten thousand of them")
    func holds() async throws {
        // Each is a world of its own, on the one thread that plays it.
        let lanes = UInt64(ProcessInfo.processInfo.activeProcessorCount)
        let counts = try await withThrowingTaskGroup { group in
            for lane in 0..<lanes {
                group.addTask { try await Self.play(stride(from: lane, to: Self.seeds, by: Int(lanes))) }
            }
            return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
        // A simulation in which nothing happens finds nothing.
        for what in [
            "fresh", "cached", "stale", "tokenRejected", "wrongApplication", "proofRejected", "deadlineExceeded", "providerBusy",
            "providerUnavailable", "revocations", "exchanges", "answered on the loop", "recovered",
        ] {
            #expect(counts[what, default: 0] > Int(Self.seeds) / 10, "\(what)")
        }
    }

    /// How often each thing happened in them.
    private static func play(_ seeds: StrideTo<UInt64>) async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        var failures = 0
        for seed in seeds {
            let outcome = try Simulation.run(seed: seed)
            counts.merge(outcome.counts, uniquingKeysWith: +)
            #expect(outcome.violations.isEmpty, "seed \(seed)")
            failures += outcome.violations.isEmpty ? 0 : 1
            // A history in which tasks hang keeps all its memory.
            try #require(failures < 10, "too many seeds fail to try them all")
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
