internal import Logging

/// A log handler that writes lines for systemd's journal: `<4>message key=value`.
///
/// The number is the priority, see sd-daemon(3). The journal removes it from the message. Without it, every line has the priority `info`.
struct JournalLogHandler: LogHandler {
    private let stream: any TextOutputStream & Sendable
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(stream: any TextOutputStream & Sendable) {
        self.stream = stream
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "<\(Self.priority(of: event.level))>\(event.message)"
        if let error = event.error { line += " error=\(error)" }
        let own = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in own.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        var stream = stream
        stream.write(line + "\n")
    }

    /// The priority of syslog(3).
    private static func priority(of level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
