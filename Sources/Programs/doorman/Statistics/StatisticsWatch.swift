internal import DoormanClient

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
    func run() async -> FailureReport? {
        var before: ServerStatistics?
        defer {
            // Later output must not go into the last line.
            if before != nil, isTerminal, !isJSON { StandardStreams.write("\n", to: .output) }
        }
        while !Task.isCancelled {
            do throws(DoormanError) {
                let now = try await client.statistics()
                show(StatisticsReport(now, since: before), isFirst: before == nil)
                before = now
            } catch {
                guard !Task.isCancelled else { break }
                let failure = choice.report(error)
                // A server that responded before may be restarting. Without any response, the address is probably wrong.
                guard before != nil, error.isRetryable else { return failure }
                if isJSON { StandardStreams.write(failure.json + "\n", to: .output) }
                failure.printLine()
            }
            try? await Task.sleep(for: interval)
        }
        return nil
    }

    private func show(_ report: StatisticsReport, isFirst: Bool) {
        if isJSON {
            StandardStreams.write(report.json + "\n", to: .output)
        } else if isTerminal {
            StandardStreams.write(Self.drawing(String(report.text.dropLast()), isFirst: isFirst), to: .output)
        } else {
            StandardStreams.write(report.line + "\n", to: .output)
        }
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
