internal import Logging
internal import NIOConcurrencyHelpers

/// The minimum severity of log lines, shared by all loggers of the process.
final class LogLevel: Sendable {
    private let level: NIOLockedValueBox<Logger.Level>

    init(_ level: Logger.Level) {
        self.level = NIOLockedValueBox(level)
    }

    var current: Logger.Level { level.withLockedValue { $0 } }

    var component: ReloadableComponent {
        ReloadableComponent(keys: ["log.level"]) { [level] settings in level.withLockedValue { $0 = settings.logLevel } }
    }
}

/// A log handler with the level of the process, unless its logger sets a level of its own.
struct LevelledLogHandler: LogHandler {
    private var handler: any LogHandler
    private let shared: LogLevel
    private var own: Logger.Level?

    /// - Parameters:
    ///   - handler: The handler that writes the log.
    ///   - level: The level of the process.
    init(_ handler: any LogHandler, level: LogLevel) {
        self.handler = handler
        // The inner handler only gets events that have passed the level of this handler.
        self.handler.logLevel = .trace
        shared = level
    }

    var logLevel: Logger.Level {
        get { own ?? shared.current }
        set { own = newValue }
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { handler.metadataProvider }
        set { handler.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        handler.log(event: event)
    }
}
