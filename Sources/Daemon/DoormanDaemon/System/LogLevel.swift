internal import Logging
internal import NIOConcurrencyHelpers

/// The least severe level that is logged, the same for all loggers of the process, whenever they were made.
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

/// A log handler whose level is that of the process, unless its own logger was given another.
struct LevelledLogHandler: LogHandler {
    private var handler: any LogHandler
    private let shared: LogLevel
    private var own: Logger.Level?

    /// - Parameter handler: The handler that writes the log.
    init(_ handler: any LogHandler, level: LogLevel) {
        self.handler = handler
        // It gets only the events that have passed this handler's level.
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
