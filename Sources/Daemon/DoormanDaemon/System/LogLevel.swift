internal import Logging
internal import NIOConcurrencyHelpers

/// The least severe level that is logged, the same for all loggers of the process, whenever they were made.
final class LogLevel: Sendable {
    private let level: NIOLockedValueBox<Logger.Level>

    init(_ level: Logger.Level) {
        self.level = NIOLockedValueBox(level)
    }

    var current: Logger.Level { level.withLockedValue { $0 } }

    var piece: ReloadablePiece {
        ReloadablePiece(keys: ["log.level"]) { [level] settings in level.withLockedValue { $0 = settings.logLevel } }
    }
}
