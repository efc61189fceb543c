internal import DoormanBench
internal import DoormanSupport

extension Report {
    /// Creates the report of a load test.
    init(_ bench: BenchReport) {
        self.init(text: Self.aligned(bench.lines), json: BenchJSON(bench), status: bench.status)
    }
}

extension BenchReport {
    /// The exit status. An unavailable call outweighs a rejected token, because it may hide a rejection.
    var status: ExitStatus {
        if calls == 0 || failedCount > 0 || connectionsLost > 0 { return .unavailable }
        return rejectedCount > 0 ? .rejected : .success
    }

    /// The line for standard error: what failed, and the next step. `nil` after a success.
    var failureLine: String? {
        let (message, next): (String, String)
        switch status {
        case .success, .wrongUse, .outputFailed: return nil
        case .rejected:
            (message, next) = ("\(NumberText.grouped(rejectedCount)) calls were rejected", "Check the tokens in the file.")
        case .unavailable where failedCount > 0:
            message = "\(NumberText.grouped(failedCount)) calls were unavailable (\(failed.keys.sorted().joined(separator: ", ")))"
            next = "Check the server's log, or lower the load."
        case .unavailable where connectionsLost > 0:
            message = "the server closed \(connectionsLost) of \(settings.connections) connections"
            next = "Check the server's log."
        case .unavailable: (message, next) = ("nothing was measured", "Run it for longer than its warm-up.")
        }
        return FailureReport.line(message, next: next)
    }

    /// The load in words: `10 connections × 16 calls, closed loop`.
    var load: String {
        "\(settings.connections) connection\(settings.connections == 1 ? "" : "s") × \(settings.depth) "
            + "call\(settings.depth == 1 ? "" : "s"), "
            + (settings.rate.map { "open loop, \(NumberText.grouped($0.callsPerSecond)) due per second" } ?? "closed loop")
    }

    var callsPerSecond: String { NumberText.grouped(Int(responsesPerSecond.rounded())) }

    // MARK: - Text

    fileprivate var lines: [(key: String, value: String)] {
        var lines = [
            ("load", load + (settings.threads > 1 ? ", \(settings.threads) threads" : "")),
            ("measured", "\(DurationText.describe(measured)), \(endingInWords)"),
            ("calls", "\(NumberText.grouped(calls)), \(callsPerSecond) answered per second"),
            ("identified", NumberText.grouped(identified)),
            ("rejected", Self.describe(rejected)), ("unavailable", Self.describe(failed)),
            ("bytes", "\(NumberText.grouped(bytesSent)) sent, \(NumberText.grouped(bytesReceived)) received"),
        ]
        if connectionsLost > 0 { lines.append(("lost", "\(connectionsLost) of \(settings.connections) connections")) }
        guard let latency else { return lines }
        lines.append(("latency", "mean \(DurationText.latency(latency.mean))"))
        lines.append(("  min", DurationText.latency(latency.min)))
        lines += latency.percentiles.map { ("  " + $0.percentile.name, DurationText.latency($0.latency)) }
        return lines + [("  max", DurationText.latency(latency.max))]
    }

    private var endingInWords: String {
        switch ending {
        case .timeUp: "after \(DurationText.describe(settings.warmUp)) of warm-up"
        case .interrupted: "then interrupted"
        case .connectionsLost: "until the server had closed all connections"
        }
    }

    /// Formats counts, the largest first: `0`, or `12 (TOKEN_REJECTED 11, WRONG_APPLICATION 1)`.
    private static func describe(_ counts: [String: Int]) -> String {
        let total = NumberText.grouped(counts.values.reduce(0, +))
        guard !counts.isEmpty else { return total }
        return "\(total) (\(sorted(counts).map { "\($0.key) \(NumberText.grouped($0.value))" }.joined(separator: ", ")))"
    }

    private static func sorted(_ counts: [String: Int]) -> [(key: String, value: Int)] {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    }

    // MARK: - JSON

    fileprivate var outcome: String {
        switch status {
        case .success: "identified"
        case .rejected: "rejected"
        case .unavailable, .wrongUse, .outputFailed: "unavailable"
        }
    }

    fileprivate var endingName: String {
        switch ending {
        case .timeUp: "time_up"
        case .interrupted: "interrupted"
        case .connectionsLost: "connections_lost"
        }
    }
}

/// The JSON output of `doorman bench`.
private struct BenchJSON: Encodable {
    let outcome: String
    let ending: String
    let connections: Int
    let connectionsLost: Int
    let depth: Int
    let threads: Int
    @Nullable var duePerSecond: Int?
    let warmUpSeconds: Double
    let measuredSeconds: Double
    let calls: Int
    let answersPerSecond: Double
    let identified: Int
    let rejected: [String: Int]
    let unavailable: [String: Int]
    let sentBytes: Int
    let receivedBytes: Int
    /// The latencies in microseconds, by name.
    @Nullable var latencyUs: [String: Double]?

    init(_ bench: BenchReport) {
        outcome = bench.outcome
        ending = bench.endingName
        connections = bench.settings.connections
        connectionsLost = bench.connectionsLost
        depth = bench.settings.depth
        threads = bench.settings.threads
        duePerSecond = bench.settings.rate?.callsPerSecond
        warmUpSeconds = bench.settings.warmUp.secondsForJSON
        measuredSeconds = bench.measured.secondsForJSON
        calls = bench.calls
        answersPerSecond = bench.responsesPerSecond.rounded(toDigits: 1)
        identified = bench.identified
        rejected = bench.rejected
        unavailable = bench.failed
        sentBytes = bench.bytesSent
        receivedBytes = bench.bytesReceived
        latencyUs = bench.latency?.microseconds
    }
}

extension LatencySummary {
    fileprivate var microseconds: [String: Double] {
        var named = ["min": min, "mean": mean, "max": max]
        for value in percentiles { named[JSONOutput.memberName(value.percentile.name)] = value.latency }
        return named.mapValues { ($0 / .microseconds(1)).rounded(toDigits: 3) }
    }
}
