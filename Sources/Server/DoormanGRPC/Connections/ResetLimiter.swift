internal import DoormanSupport

/// Limits how often a peer may give up its own requests (CVE-2023-44487, "rapid reset").
///
/// Every deadline of a gRPC client is a reset, so a busy client sends many of them while a provider hangs. These come when the time of the
/// call is over, and don't count.
struct ResetLimiter {
    /// The resets in a second that are always allowed, as a multiple of the concurrent streams.
    private static let factor = 5
    private static let window = Nanoseconds(Duration.seconds(1))

    private let maximum: Int
    private var count = 0
    private var windowStart: Instant

    init(concurrentStreams: Int, now: Instant) {
        maximum = Self.factor * concurrentStreams
        windowStart = now
    }

    /// Counts a reset.
    ///
    /// - Parameter end: The end of the time that the caller gave to its call; `nil` if it gave none.
    /// - Returns: Whether the peer has made too many.
    mutating func count(resetAt now: Instant, callEnding end: Instant?) -> Bool {
        // The caller's clock started earlier than ours, by the time that the request was under way.
        if let end, now >= end.advanced(by: .milliseconds(-100)) { return false }
        if now >= windowStart.advanced(by: Self.window) { (count, windowStart) = (0, now) }
        count += 1
        return count > maximum
    }
}
