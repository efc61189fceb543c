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

    /// Returns the time from which on a reset is taken for the deadline of a call.
    ///
    /// The caller's clock started earlier than ours, by the time that the request was under way. This is at most half of the timeout:
    /// otherwise a peer could give each request a short timeout, and reset it at once.
    static func expectedReset(after timeout: Duration, since begun: Instant) -> Instant {
        begun.advanced(by: timeout - min(.milliseconds(100), timeout / 2))
    }

    /// Counts a reset.
    ///
    /// - Parameter expected: The result of ``expectedReset(after:since:)`` for the call; `nil` if the caller gave it no timeout.
    /// - Returns: Whether the peer has made too many.
    mutating func count(resetAt now: Instant, expectedFrom expected: Instant?) -> Bool {
        if let expected, now >= expected { return false }
        if now >= windowStart.advanced(by: Self.window) { (count, windowStart) = (0, now) }
        count += 1
        return count > maximum
    }
}
