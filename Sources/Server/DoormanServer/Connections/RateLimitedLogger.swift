internal import DoormanCore
package import DoormanSupport
package import Logging
internal import NIOConcurrencyHelpers

/// A logger for events that any peer can cause. It logs the first event of each kind, then one per second with the count of
/// suppressed events.
///
/// A log line delays its event loop, and a flood of them could fill the disk.
package final class RateLimitedLogger: Sendable {
    private let logger: Logger
    private let now: @Sendable () -> Instant
    private let kinds = NIOLockedValueBox<[String: (next: Instant, suppressed: Int)]>([:])

    package init(_ logger: Logger, now: @escaping @Sendable () -> Instant) {
        self.logger = logger
        self.now = now
    }

    /// - Parameter kind: One of a few constants, never data that a peer sent.
    /// Logs an event, unless an event of its kind was logged in the last second.
    ///
    package func log(_ level: Logger.Level, about kind: String, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        guard level >= logger.logLevel else { return }
        let now = now()
        let suppressed = kinds.withLockedValue { kinds -> Int? in
            let before = kinds[kind] ?? (next: now, suppressed: 0)
            guard now >= before.next else {
                kinds[kind] = (before.next, before.suppressed + 1)
                return nil
            }
            kinds[kind] = (now.advanced(by: .seconds(1)), 0)
            return before.suppressed
        }
        guard let suppressed else { return }
        var metadata = metadata
        if suppressed > 0 { metadata["suppressed"] = "\(suppressed)" }
        logger.log(level: level, message, metadata: metadata)
    }
}
