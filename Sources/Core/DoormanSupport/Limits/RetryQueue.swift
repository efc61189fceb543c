/// The times at which the calls that a rate limit turned down should be repeated, so that callers which obey don't return all at once.
///
/// A virtual queue: each call is told one permit later than the call before it. Times that have passed drop out of it.
package struct RetryQueue: Sendable {
    /// The maximum calls in the queue. Calls beyond it are told random times within the queue's length, so a caller that ignores the times
    /// does not send others far into the future.
    package static let longestQueue = 1_000

    /// The time of the first permit that no call was told.
    private var next = Instant(nanoseconds: 0)

    package init() {}

    /// Returns the time until a call should be repeated that a concurrency limit turned down: 100 ms, and 1 ms more for each call before
    /// it. It is not known when a permit will be free.
    package mutating func waitForPermit(roll: UInt64, at now: Instant) -> Duration {
        wait(until: now.advanced(by: RetryHint.minimumDelay), interval: .milliseconds(1), roll: roll, at: now)
    }

    /// Returns the time until a call that was turned down should be repeated.
    ///
    /// - Parameters:
    ///   - permit: The moment of the limit's next permit.
    ///   - interval: The time between two permits.
    ///   - roll: 64 random bits. They delay the call by less than `interval`, so that servers with the same queue don't act in step.
    package mutating func wait(until permit: Instant, interval: Duration, roll: UInt64, at now: Instant) -> Duration {
        let moment = max(permit, next)
        let end = permit.advanced(by: interval * Self.longestQueue)
        guard moment < end else { return now.duration(to: permit.advanced(by: permit.duration(to: end).part(roll))) }
        next = moment.advanced(by: interval)
        return now.duration(to: moment.advanced(by: interval.part(roll)))
    }
}

extension Duration {
    /// Returns a random part of this duration, which is positive: at least zero and less than the whole.
    fileprivate func part(_ roll: UInt64) -> Duration {
        .nanoseconds(Int64(clamping: UInt64(max(0, nanoseconds)).multipliedFullWidth(by: roll).high))
    }
}
