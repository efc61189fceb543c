/// A rate of calls with a burst.
package struct RateLimit: Sendable, Hashable {
    /// The number of calls per second: 1 to 1,000,000.
    package var perSecond: Int
    /// The maximum number of calls that may begin at once: 1 to 1,000,000.
    package var burst: Int

    package init(perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// A limiter for calls per second that allows bursts.
///
/// Implements the generic cell rate algorithm as virtual scheduling (ITU-T I.371, annex A). Its only state is the theoretical
/// arrival time of the next call, so it needs no timer.
package struct RateLimiter: Sendable {
    private let interval: UInt64
    private let tolerance: UInt64
    /// The theoretical arrival time of the next call, in nanoseconds.
    private var arrivalTime: UInt64 = 0

    /// - Parameters:
    ///   - callsPerSecond: The rate: 1 to 1,000,000.
    ///   - burst: The maximum number of calls that may begin at once: 1 to 1,000,000.
    package init(callsPerSecond: Int, burst: Int) {
        let rate = UInt64(min(max(callsPerSecond, 1), 1_000_000))
        // Rounded up, so that the rate is never exceeded.
        interval = (1_000_000_000 + rate - 1) / rate
        tolerance = interval * UInt64(min(max(burst, 1), 1_000_000) - 1)
    }

    package init(_ rate: RateLimit) {
        self.init(callsPerSecond: rate.perSecond, burst: rate.burst)
    }

    /// Changes the rate. The used part of the burst stays used, up to the size of the new burst.
    package mutating func adopt(_ rate: RateLimit, at now: Instant) {
        var changed = RateLimiter(rate)
        guard changed.interval != interval || changed.tolerance != tolerance else { return }
        // Rounded up, as if the used calls had begun just now, so that the rate is never exceeded.
        let used = arrivalTime > now.nanoseconds ? (arrivalTime - now.nanoseconds + interval - 1) / interval : 0
        changed.arrivalTime = now.nanoseconds + min(used * changed.interval, changed.tolerance + changed.interval)
        self = changed
    }

    /// Takes the permit for one call.
    ///
    /// - Returns: False if no call may begin now. Nothing is charged then.
    package mutating func take(at now: Instant) -> Bool {
        guard nextFree(at: now) <= now else { return false }
        arrivalTime = max(arrivalTime, now.nanoseconds) + interval
        return true
    }

    /// The number of calls that may begin at once.
    package func available(at now: Instant) -> Int {
        let behind = max(arrivalTime, now.nanoseconds) - now.nanoseconds
        return behind > tolerance ? 0 : Int((tolerance - behind) / interval) + 1
    }

    /// Charges calls that have begun already. Calls beyond the limit delay later calls.
    package mutating func charge(_ calls: Int, at now: Instant) {
        arrivalTime = max(arrivalTime, now.nanoseconds) + UInt64(calls) * interval
    }

    /// Whether the whole burst is available.
    package func isUnused(at now: Instant) -> Bool {
        arrivalTime <= now.nanoseconds
    }

    /// The moment from which the whole burst is available.
    package var unusedFrom: Instant { Instant(nanoseconds: arrivalTime) }

    /// The time between two calls at the rate.
    package var timePerCall: Duration { .nanoseconds(Int64(interval)) }

    /// Returns the moment from which one more call may begin.
    ///
    /// - Parameter waiting: The number of calls that begin first.
    package func nextFree(after waiting: Int = 0, at now: Instant) -> Instant {
        let moment = max(arrivalTime, now.nanoseconds) + UInt64(waiting) * interval
        return Instant(nanoseconds: max(now.nanoseconds, moment > tolerance ? moment - tolerance : 0))
    }
}
