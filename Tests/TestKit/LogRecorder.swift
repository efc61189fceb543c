package import Logging
private import NIOConcurrencyHelpers

/// A log handler that records messages and metadata.
package struct LogRecorder: LogHandler {
    private let recorded = NIOLockedValueBox<[String]>([])
    package var logLevel = Logger.Level.trace
    package var metadata: Logger.Metadata = [:]

    package init() {}

    package var lines: [String] { recorded.withLockedValue { $0 } }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let details = (event.metadata ?? [:]).merging(metadata) { own, _ in own }
            .map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
        recorded.withLockedValue { $0.append("\(event.level) \(event.message) \(details)") }
    }
}
