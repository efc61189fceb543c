internal import DoormanCore
internal import DoormanSupport
internal import Logging

/// The format of log lines.
enum LogFormat: String, CaseIterable, Sendable {
    /// Lines for people: time, level, `key=value` pairs, message.
    case text
    /// One JSON object per line, for programs.
    case json
    /// Lines for systemd's journal: priority, message, `key=value` pairs. The journal has the time and the program itself.
    case journal

    /// Creates a handler that writes lines of this format.
    ///
    /// - Parameters:
    ///   - label: The name of the program or component.
    ///   - stream: Receives one line per event, with its newline.
    func makeHandler(label: String, stream: any TextOutputStream & Sendable) -> any LogHandler {
        switch self {
        case .text: StreamLogHandler(label: label, stream: SingleLineOutput(stream: stream), metadataProvider: nil)
        case .json: JSONLogHandler(label: label, stream: stream)
        case .journal: JournalLogHandler(stream: SingleLineOutput(stream: stream))
        }
    }
}

/// Keeps each event of a text log on one line, whatever a peer put into it: a forged line must not look like one of ours.
///
/// The path of a Unix socket that a peer is bound to is such a text.
private struct SingleLineOutput: TextOutputStream, Sendable {
    let stream: any TextOutputStream & Sendable

    func write(_ text: String) {
        var line = text.unicodeScalars[...]
        if line.last == "\n" { line.removeLast() }
        var stream = stream
        guard line.contains(where: { $0.escaped != nil }) else { return stream.write(text) }
        stream.write(line.map { $0.escaped ?? String($0) }.joined() + "\n")
    }
}

extension Unicode.Scalar {
    /// The escape of a character that ends a line, steers a terminal or is invisible; `nil` for any other.
    fileprivate var escaped: String? {
        guard value < 0x20 || value >= 0x7f else { return nil }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: break
        default: return nil
        }
        // JSON has no escape for others.
        guard value <= 0xffff else { return nil }
        switch self {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            let digits = String(value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}

/// A log handler that writes one JSON object per line: `time`, `level`, `logger`, `message`, and then the metadata by key.
///
/// The members are in this order, because people read such lines, too. `JSONEncoder` can't keep it.
struct JSONLogHandler: LogHandler {
    private let label: String
    private let stream: any TextOutputStream & Sendable
    private let time: @Sendable () -> Timestamp
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(
        label: String, stream: any TextOutputStream & Sendable,
        time: @escaping @Sendable () -> Timestamp = TimeSource.system.wallTime
    ) {
        self.label = label
        self.stream = stream
        self.time = time
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var members: [(String, Logger.Metadata.Value)] = [
            ("time", "\(time().iso8601 ?? "")"), ("level", "\(event.level)"), ("logger", "\(label)"),
            ("message", "\(event.message)"),
        ]
        if let error = event.error { members.append(("error", "\(error)")) }
        let names = Set(members.map(\.0))
        let own = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in own.sorted(by: { $0.key < $1.key }) {
            members.append((names.contains(key) ? "metadata_" + key : key, value))
        }
        var stream = stream
        stream.write(Self.object(members) + "\n")
    }

    private static func object(_ members: [(String, Logger.Metadata.Value)]) -> String {
        "{" + members.map { "\(quoted($0)):\(json($1))" }.joined(separator: ",") + "}"
    }

    private static func json(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): quoted(text)
        case .stringConvertible(let value): quoted("\(value)")
        case .array(let values): "[" + values.map(json).joined(separator: ",") + "]"
        case .dictionary(let members): object(members.sorted { $0.key < $1.key })
        }
    }

    /// Quotes a text as RFC 8259, section 7, demands.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            default:
                if let escaped = scalar.escaped { quoted += escaped } else { quoted.unicodeScalars.append(scalar) }
            }
        }
        return quoted + "\""
    }
}
