internal import DoormanClient
internal import DoormanSupport

/// Reads the statistics of a server repeatedly and shows the changes.
struct StatisticsWatch: Sendable {
    let client: DoormanClient
    let choice: ServerChoice
    let interval: Duration
    let isJSON: Bool
    var isTerminal = StandardStreams.outputIsTerminal && StandardStreams.environment("TERM") != "dumb"

    /// Shows reports until the task is cancelled.
    ///
    /// - Returns: The failure that ended the watch, or `nil` if the task was cancelled.
    func run() async throws(OutputError) -> FailureReport? {
        var before: ServerStatistics?
        while !Task.isCancelled {
            let now: ServerStatistics
            do throws(DoormanError) {
                now = try await client.statistics()
            } catch {
                guard !Task.isCancelled else { break }
                let failure = choice.report(error)
                // A server that responded before may be restarting. Without any response, the address is probably wrong.
                guard let before, error.isRetryable else {
                    try end(after: before)
                    return failure
                }
                try show(failure, last: before)
                try? await Task.sleep(for: interval)
                continue
            }
            try show(StatisticsReport(now, since: before), isFirst: before == nil)
            before = now
            try? await Task.sleep(for: interval)
        }
        try end(after: before)
        return nil
    }

    /// Ends the last line of the screen, so that later output does not go into it.
    private func end(after before: ServerStatistics?) throws(OutputError) {
        if before != nil, isTerminal, !isJSON { try StandardStreams.write("\n") }
    }

    private func show(_ report: StatisticsReport, isFirst: Bool) throws(OutputError) {
        if isJSON {
            try StandardStreams.write(report.json + "\n")
        } else if isTerminal {
            try draw(report.text, isFirst: isFirst)
        } else {
            try StandardStreams.write(report.line + "\n")
        }
    }

    /// Shows that the server does not answer. A terminal shows it in place of the figures, which would look current.
    private func show(_ failure: FailureReport, last: ServerStatistics) throws(OutputError) {
        guard isTerminal, !isJSON else {
            if isJSON { try StandardStreams.write(failure.json + "\n") }
            return failure.printLine()
        }
        try draw(
            "\(failure.line)last figures: \(last.timeText)\ntrying again every \(DurationText.describe(interval))\n", isFirst: false
        )
    }

    private func draw(_ text: String, isFirst: Bool) throws(OutputError) {
        let screen = StandardStreams.screenSize
        let fitted = Self.fitted(text, rows: screen.rows, columns: screen.columns)
        try StandardStreams.write(Self.drawing(fitted, isFirst: isFirst))
    }

    /// Returns the text cut to the size of a screen, without a newline at its end. The last line says how many lines are missing.
    static func fitted(_ text: String, rows: Int, columns: Int) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last?.isEmpty == true { lines.removeLast() }
        if lines.count > rows, rows > 0 {
            let missing = lines.count - rows + 1
            lines = lines.prefix(rows - 1) + ["… \(missing) more lines: enlarge the window, or run 'doorman stats'"]
        }
        return lines.map { $0.count > columns ? $0.prefix(max(0, columns - 1)) + "…" : $0 }.joined(separator: "\n")
    }

    /// Returns control sequences that draw over the previous text, so that the screen doesn't flicker. Lines are placed one by one and
    /// not wrapped, so that a small screen doesn't scroll (ECMA-48: ED, CUP, EL; and DECAWM).
    static func drawing(_ text: String, isFirst: Bool) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { number, line in
            "\u{1b}[\(number + 1)H\(line)\u{1b}[K"
        }
        return (isFirst ? "\u{1b}[2J" : "") + "\u{1b}[?7l" + lines.joined() + "\u{1b}[J\u{1b}[?7h"
    }
}
