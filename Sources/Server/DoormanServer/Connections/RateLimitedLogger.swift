internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOConcurrencyHelpers

/// A log for what strangers cause: the first of each kind at once, then one a second with the count of those left out. Writing a
/// line holds up its event loop, and any peer could fill the disk.
final class RateLimitedLogger: Sendable {
    private let logger: Logger
    private let now: @Sendable () -> Instant
    private let kinds = NIOLockedValueBox<[String: (next: Instant, leftOut: Int)]>([:])

    init(_ logger: Logger, now: @escaping @Sendable () -> Instant) {
        self.logger = logger
        self.now = now
    }

    /// - Parameter kind: One of few; never anything that a peer sent.
    func log(_ level: Logger.Level, about kind: String, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        guard level >= logger.logLevel else { return }
        let now = now()
        let leftOut = kinds.withLockedValue { kinds -> Int? in
            let before = kinds[kind] ?? (next: now, leftOut: 0)
            guard now >= before.next else {
                kinds[kind] = (before.next, before.leftOut + 1)
                return nil
            }
            kinds[kind] = (now.advanced(by: .seconds(1)), 0)
            return before.leftOut
        }
        guard let leftOut else { return }
        var metadata = metadata
        if leftOut > 0 { metadata["left_out"] = "\(leftOut)" }
        logger.log(level: level, message, metadata: metadata)
    }
}
