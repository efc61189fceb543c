internal import ArgumentParser
internal import Simulation

struct ColdStart: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Many distinct new tokens at once.")

    @Option var tokens = 10_000

    func run() throws {
        print(try Scenarios.coldStart(tokens: tokens))
    }
}

struct Flood: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Unique bad tokens beside a hot set of good tokens.")

    @Option var badPerSecond = 50_000
    @Option var goodTokens = 10_000
    @Option var goodPerSecond = 10_000
    @Option var seconds = 60
    @Flag(help: "Don't limit the cache misses of callers.") var unbudgeted = false

    func run() throws {
        print(
            try Scenarios.flood(
                badPerSecond: badPerSecond, goodTokens: goodTokens, goodPerSecond: goodPerSecond, seconds: seconds,
                limitsMisses: !unbudgeted))
    }
}

struct Outage: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The provider is gone for a minute.")

    @Option var tokens = 10_000
    @Option var callsPerSecond = 2_000

    func run() throws {
        print("failing:", try Scenarios.outage(tokens: tokens, callsPerSecond: callsPerSecond, isHanging: false))
        print("hanging:", try Scenarios.outage(tokens: tokens, callsPerSecond: callsPerSecond, isHanging: true))
    }
}

struct Zipf: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Few tokens used often, most rarely.")

    @Option var tokens = 1_000_000
    @Option var entries = 100_000
    @Option var calls = 5_000_000

    func run() throws {
        print(
            "without expiry:",
            try Scenarios.zipf(
                tokens: tokens, entries: entries, calls: calls, callsPerSecond: 1_000_000, ttl: .seconds(86_400), latency: .zero))
        print(
            "10,000 calls a second, TTL 60 s, 100 ms latency:",
            try Scenarios.zipf(
                tokens: tokens, entries: entries, calls: calls, callsPerSecond: 10_000, ttl: .seconds(60),
                latency: .milliseconds(100)))
    }
}
