internal import DoormanSupport
internal import Logging

/// The two log lines of a state.
struct StateLines: Sendable {
    /// The level of the first line. The last one has the level `notice`, or that of the first line if it is lower.
    let level: Logger.Level
    let began: Logger.Message
    let ended: Logger.Message
    /// The key of the number of events in the last line; `nil` for none.
    var events: String?

    /// Logs the line of a change. Logs nothing without one.
    ///
    /// - Parameters:
    ///   - metadata: The metadata of both lines.
    ///   - beginning: Further metadata of the first line, such as the cause.
    func log(
        _ change: LoggedState.Change?, metadata: Logger.Metadata = [:], beginning: @autoclosure () -> Logger.Metadata = [:],
        to logger: Logger
    ) {
        switch change {
        case nil: return
        case .began: logger.log(level: level, began, metadata: metadata.merging(beginning()) { $1 })
        case .ended(let duration, let count):
            var metadata = metadata
            metadata["duration"] = "\(DurationText.describe(duration))"
            if let events { metadata[events] = "\(count)" }
            logger.log(level: min(level, .notice), ended, metadata: metadata)
        }
    }
}
