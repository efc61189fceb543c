/// A rate, and how far a burst may exceed it.
package struct RateLimit: Sendable, Hashable {
    /// Calls per second, 1 to 1,000,000.
    package var perSecond: Int
    /// Maximum calls at once, 1 to 1,000,000.
    package var burst: Int

    package init(perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// Limits calls per second, and lets a burst exceed the rate.
///
/// The generic cell rate algorithm in its form of virtual scheduling (ITU-T I.371, annex A): it keeps the one moment at which
/// the next call would be exactly in time, and needs no timer.
package struct RateLimiter: Sendable {
    private let interval: UInt64
    private let tolerance: UInt64
    private var inTime: UInt64 = 0

    /// - Parameters:
    ///   - callsPerSecond: 1 to 1,000,000.
    ///   - burst: Maximum calls that may begin at once.
    package init(callsPerSecond: Int, burst: Int) {
        let rate = UInt64(min(max(callsPerSecond, 1), 1_000_000))
        // Rounded up: never more than the rate.
        interval = (1_000_000_000 + rate - 1) / rate
        tolerance = interval * UInt64(min(max(burst, 1), 1_000_000) - 1)
    }

    package init(_ rate: RateLimit) {
        self.init(callsPerSecond: rate.perSecond, burst: rate.burst)
    }

    /// Changes the rate. The used part of the burst stays used, as far as the new burst goes. The same rate changes nothing.
    package mutating func adopt(_ rate: RateLimit, at now: Instant) {
        var changed = RateLimiter(rate)
        guard changed.interval != interval || changed.tolerance != tolerance else { return }
        // Rounded up, as if it all had begun just now: never more than the rate.
        let used = inTime > now.nanoseconds ? (inTime - now.nanoseconds + interval - 1) / interval : 0
        changed.inTime = now.nanoseconds + min(used * changed.interval, changed.tolerance + changed.interval)
        self = changed
    }

    /// Takes one permit.
    ///
    /// - Returns: False if no call may begin now.
    package mutating func take(at now: Instant) -> Bool {
        guard nextFree(at: now) <= now else { return false }
        inTime = max(inTime, now.nanoseconds) + interval
        return true
    }

    /// The number of calls that may begin at once.
    package func available(at now: Instant) -> Int {
        let behind = max(inTime, now.nanoseconds) - now.nanoseconds
        return behind > tolerance ? 0 : Int((tolerance - behind) / interval) + 1
    }

    /// Takes the permits of calls that have begun already. Calls beyond the limit delay later ones.
    package mutating func charge(_ calls: Int, at now: Instant) {
        inTime = max(inTime, now.nanoseconds) + UInt64(calls) * interval
    }

    /// Whether the whole burst is available, as if no call had ever begun.
    package func isUnused(at now: Instant) -> Bool {
        inTime <= now.nanoseconds
    }

    /// Returns the moment from which one more call may begin.
    ///
    /// - Parameter waiting: The number of calls that go first.
    package func nextFree(after waiting: Int = 0, at now: Instant) -> Instant {
        let moment = max(inTime, now.nanoseconds) + UInt64(waiting) * interval
        return Instant(nanoseconds: max(now.nanoseconds, moment > tolerance ? moment - tolerance : 0))
    }
}
