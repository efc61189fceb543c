internal import DoormanBench

extension Report {
    /// What a load came to.
    init(_ bench: BenchReport) {
        self.init(text: Self.aligned(bench.lines), json: .object(bench.members), status: bench.status)
    }
}

extension BenchReport {
    /// Failing to ask counts for more than being refused: there may have been anything behind it.
    var status: ExitStatus {
        if calls == 0 || failedCount > 0 || connectionsLost > 0 { return .couldNotAsk }
        return refusedCount > 0 ? .refused : .success
    }

    /// For standard error: what was not as it should be, and what to do next. Nil if all was.
    var complaint: String? {
        let (message, next): (String, String)
        switch status {
        case .success, .wrongUse: return nil
        case .refused:
            (message, next) = ("\(LatencyText.grouped(refusedCount)) calls were refused", "Check the tokens of the file.")
        case .couldNotAsk where failedCount > 0:
            message = "\(LatencyText.grouped(failedCount)) calls could not ask (\(failed.keys.sorted().joined(separator: ", ")))"
            next = "See what the server's log says, or ask for less."
        case .couldNotAsk where connectionsLost > 0:
            message = "the server closed \(connectionsLost) of \(settings.connections) connections"
            next = "See what the server's log says."
        case .couldNotAsk: (message, next) = ("nothing was measured", "Let it run for longer than its warm-up.")
        }
        return FailureReport.line(message, next: next)
    }

    /// `10 connections × 16 calls, closed loop`
    var load: String {
        "\(settings.connections) connection\(settings.connections == 1 ? "" : "s") × \(settings.depth) "
            + "call\(settings.depth == 1 ? "" : "s"), "
            + (settings.rate.map { "\(LatencyText.grouped($0.callsPerSecond)) due a second" } ?? "closed loop")
    }

    var callsPerSecond: String { LatencyText.grouped(Int(answersPerSecond.rounded())) }

    // MARK: - For people

    fileprivate var lines: [(key: String, value: String)] {
        var lines = [
            ("load", load + (settings.threads > 1 ? ", \(settings.threads) threads" : "")),
            ("measured", "\(DurationText.describe(measured)), \(endingInWords)"),
            ("calls", "\(LatencyText.grouped(calls)), \(callsPerSecond) answered a second"),
            ("identified", LatencyText.grouped(identified)),
            ("refused", Self.describe(refused)), ("could not ask", Self.describe(failed)),
            ("bytes", "\(LatencyText.grouped(bytesSent)) sent, \(LatencyText.grouped(bytesReceived)) received"),
        ]
        if connectionsLost > 0 { lines.append(("lost", "\(connectionsLost) of \(settings.connections) connections")) }
        guard let latency else { return lines }
        lines.append(("latency", "mean \(LatencyText.describe(latency.mean))"))
        lines.append(("  min", LatencyText.describe(latency.min)))
        lines += latency.percentiles.map { ("  " + $0.percentile.name, LatencyText.describe($0.latency)) }
        return lines + [("  max", LatencyText.describe(latency.max))]
    }

    private var endingInWords: String {
        switch ending {
        case .timeUp: "after \(DurationText.describe(settings.warmUp)) of warm-up"
        case .interrupted: "then interrupted"
        case .connectionsLost: "until the server had closed every connection"
        }
    }

    /// `0`, or `12 (TOKEN_REJECTED 11, WRONG_APPLICATION 1)`, the most frequent first.
    private static func describe(_ counts: [String: Int]) -> String {
        let total = LatencyText.grouped(counts.values.reduce(0, +))
        guard !counts.isEmpty else { return total }
        return "\(total) (\(sorted(counts).map { "\($0.key) \(LatencyText.grouped($0.value))" }.joined(separator: ", ")))"
    }

    private static func sorted(_ counts: [String: Int]) -> [(key: String, value: Int)] {
        counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    }

    // MARK: - For programs

    fileprivate var members: [JSON.Member] {
        [
            .init("outcome", .string(outcome)), .init("ending", .string(endingName)),
            .init("connections", .number(settings.connections)), .init("connections_lost", .number(connectionsLost)),
            .init("depth", .number(settings.depth)), .init("threads", .number(settings.threads)),
            .init("due_per_second", settings.rate.map { .number($0.callsPerSecond) } ?? .null),
            .init("warm_up_seconds", .number(DurationText.seconds(settings.warmUp))),
            .init("measured_seconds", .number(DurationText.seconds(measured))),
            .init("calls", .number(calls)),
            .init("answers_per_second", .number(LatencyText.decimal(answersPerSecond, digits: 1))),
            .init("identified", .number(identified)), .init("refused", Self.json(refused)),
            .init("could_not_ask", Self.json(failed)), .init("sent_bytes", .number(bytesSent)),
            .init("received_bytes", .number(bytesReceived)),
            .init("latency_us", latency.map { .object($0.members) } ?? .null),
        ]
    }

    private var outcome: String {
        switch status {
        case .success: "identified"
        case .refused: "refused"
        case .couldNotAsk, .wrongUse: "could_not_ask"
        }
    }

    private var endingName: String {
        switch ending {
        case .timeUp: "time_up"
        case .interrupted: "interrupted"
        case .connectionsLost: "connections_lost"
        }
    }

    private static func json(_ counts: [String: Int]) -> JSON {
        .object(sorted(counts).map { .init($0.key, .number($0.value)) })
    }
}

extension LatencySummary {
    /// In microseconds.
    fileprivate var members: [JSON.Member] {
        let percentiles = percentiles.map { value in
            JSON.Member(String(value.percentile.name.map { $0 == "." ? "_" : $0 }), Self.microseconds(value.latency))
        }
        return [.init("min", Self.microseconds(min)), .init("mean", Self.microseconds(mean))] + percentiles
            + [.init("max", Self.microseconds(max))]
    }

    private static func microseconds(_ latency: Duration) -> JSON {
        .number(LatencyText.decimal(latency / .microseconds(1), digits: 3))
    }
}

extension JSON {
    fileprivate static func number(_ value: Int) -> JSON { .number(String(value)) }
}
