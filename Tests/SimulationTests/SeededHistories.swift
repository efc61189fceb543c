import Foundation
import Simulation
import Testing

/// Plays many histories, each in a world of its own on one of as many threads as there are processors.
enum SeededHistories {
    /// The number of seeds: `DOORMAN_SIMULATION_SEEDS`, or 10,000 by default.
    static let seeds = ProcessInfo.processInfo.environment["DOORMAN_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 10_000

    /// Plays the histories of the first seeds, expects no violation, and returns the number of each kind of event.
    static func play(
        _ seeds: UInt64, _ history: @escaping @Sendable (_ seed: UInt64) throws -> Simulation.Outcome
    ) async throws -> [String: Int] {
        let lanes = UInt64(ProcessInfo.processInfo.activeProcessorCount)
        return try await withThrowingTaskGroup { group in
            for lane in 0..<lanes {
                group.addTask { try await play(stride(from: lane, to: seeds, by: Int(lanes)), history) }
            }
            return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
    }

    private static func play(
        _ seeds: StrideTo<UInt64>, _ history: (_ seed: UInt64) throws -> Simulation.Outcome
    ) async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        var failures = 0
        for seed in seeds {
            let outcome = try history(seed)
            counts.merge(outcome.counts, uniquingKeysWith: +)
            #expect(outcome.violations.isEmpty, "seed \(seed)")
            failures += outcome.violations.isEmpty ? 0 : 1
            // A history with hanging tasks keeps all its memory.
            try #require(failures < 10, "too many seeds fail; the rest is skipped")
            await Task.yield()
        }
        return counts
    }

    /// Plays the history of a seed twice.
    static func expectSame(_ seed: UInt64, _ history: (_ seed: UInt64) throws -> Simulation.Outcome) throws {
        let (first, second) = (try history(seed), try history(seed))
        #expect(first.counts == second.counts)
        #expect(first.violations == second.violations)
    }
}
