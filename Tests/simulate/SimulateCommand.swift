internal import ArgumentParser
internal import Foundation
internal import Simulation

/// `simulate`: plays histories by the million, or one again.
@main
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Plays seeded histories of cache, single flight and governor, and says what must never be true and was.",
        subcommands: [Histories.self, Fleet.self, Keys.self, ColdStart.self, Flood.self, Outage.self, Zipf.self],
        defaultSubcommand: Histories.self)
}

/// `simulate histories`: many, or one again.
struct Histories: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Plays histories that a seed decides.")

    @OptionGroup var seeds: Seeds

    func run() throws { try seeds.play(Simulation.run) }
}

/// `simulate keys`: histories of an issuer's keys.
struct Keys: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Plays histories of an issuer's keys that a seed decides.")

    @OptionGroup var seeds: Seeds

    func run() throws { try seeds.play(IssuerSimulation.run) }
}

/// `simulate fleet`: histories of three nodes and their store.
struct Fleet: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Plays histories of three nodes and their store that a seed decides.")

    @OptionGroup var seeds: Seeds

    func run() throws { try seeds.play(FleetSimulation.run) }
}

/// The seeds of the histories to play.
struct Seeds: ParsableArguments {
    @Option(help: "The first seed.")
    var first: UInt64 = 0

    @Option(help: "How many seeds.")
    var count: UInt64 = 10_000

    @Flag(help: "End with the first seed that fails.")
    var stopAtFailure = false

    /// Plays the histories, and prints the violations.
    func play(_ history: (_ seed: UInt64) throws -> Simulation.Outcome) throws {
        var counts: [String: Int] = [:]
        var failures = 0
        for seed in first..<(first + count) {
            let outcome = try history(seed)
            counts.merge(outcome.counts, uniquingKeysWith: +)
            if !outcome.violations.isEmpty {
                failures += 1
                print("seed \(seed):")
                for violation in outcome.violations { print("  \(violation)") }
                if stopAtFailure { throw ExitCode.failure }
            }
            if (seed - first + 1) % 100_000 == 0 {
                FileHandle.standardError.write(Data("simulate: \(seed - first + 1) of \(count), \(failures) failed\n".utf8))
            }
        }
        for (what, times) in counts.sorted(by: { $0.key < $1.key }) { print("\(what): \(times)") }
        print("\(count) seeds from \(first), \(failures) failed")
        if failures > 0 { throw ExitCode.failure }
    }
}
