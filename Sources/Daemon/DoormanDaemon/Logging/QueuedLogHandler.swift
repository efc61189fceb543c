internal import Logging

/// A log handler whose lines are written by another thread.
struct QueuedLogHandler: LogHandler {
    /// Hands the lines of a log handler to the writer.
    private struct Output: TextOutputStream, Sendable {
        let writer: LogWriter
        let kind: LogQueue.Kind

        func write(_ line: String) { writer.add(line, kind) }
    }

    /// The metadata that makes a line an audit line. Its value is the name of the event.
    static let auditKey = "audit"

    private var ordinary: any LogHandler
    private var audit: any LogHandler

    init(label: String, writer: LogWriter) {
        ordinary = writer.format.makeHandler(label: label, stream: Output(writer: writer, kind: .ordinary))
        audit = writer.format.makeHandler(label: label, stream: Output(writer: writer, kind: .audit))
    }

    var logLevel: Logger.Level {
        get { ordinary.logLevel }
        set { (ordinary.logLevel, audit.logLevel) = (newValue, newValue) }
    }

    var metadata: Logger.Metadata {
        get { ordinary.metadata }
        set { (ordinary.metadata, audit.metadata) = (newValue, newValue) }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { ordinary.metadataProvider }
        set { (ordinary.metadataProvider, audit.metadataProvider) = (newValue, newValue) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let isAudit = event.metadata?[Self.auditKey] != nil || metadata[Self.auditKey] != nil
        (isAudit ? audit : ordinary).log(event: event)
    }
}
