internal import DoormanClient

/// Asks a server for its statistics again and again, and shows what happened between.
struct StatisticsWatch: Sendable {
    let client: DoormanClient
    let choice: ServerChoice
    let interval: Duration
    let isJSON: Bool
    var isTerminal = StandardStreams.outputIsTerminal && StandardStreams.environment("TERM") != "dumb"

    /// Until the task is cancelled.
    ///
    /// - Returns: Why it ended otherwise.
    func run() async -> FailureReport? {
        var before: ServerStatistics?
        defer {
            // What comes next is not to be written into the last line.
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
                // A server that was there comes back after its restart. One that never was is somewhere else.
                guard before != nil, error.isRetryable else { return failure }
                if isJSON { StandardStreams.write(failure.json + "\n", to: .output) }
                failure.complain()
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

    /// Draws over what is there, so that nothing flickers: each line at its place, up to the edges, so that nothing moves on a screen that
    /// is too small (ECMA-48: ED, CUP, EL; and DECAWM).
    static func drawing(_ text: String, isFirst: Bool) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { number, line in
            "\u{1b}[\(number + 1)H\(line)\u{1b}[K"
        }
        return (isFirst ? "\u{1b}[2J" : "") + "\u{1b}[?7l" + lines.joined() + "\u{1b}[J\u{1b}[?7h"
    }
}
