internal import DoormanCore

extension CacheSettings {
    /// How long an identity may be answered from memory: within its time; and until it is no answer even if the provider
    /// can't be asked. Zero or less if not at all.
    ///
    /// - Parameters:
    ///   - expiry: When the provider says the token expires.
    ///   - roll: 64 random bits, for the jitter.
    func lifetime(expiry: Timestamp, wallTime: Timestamp, roll: UInt64) -> (fresh: Duration, stale: Duration) {
        let fresh = jittered(ttl, roll: roll)
        let stale = fresh + max(.zero, maximumStale)
        guard expiry != .distantFuture else { return (fresh, stale) }
        let (left, overflow) = expiry.millisecondsSince1970.subtractingReportingOverflow(wallTime.millisecondsSince1970)
        guard !overflow else { return expiry < wallTime ? (.zero, .zero) : (fresh, stale) }
        // Civil time is in whole milliseconds, and may be nearly one more.
        let limit = .milliseconds(left - 1) - clockSkew
        return (min(fresh, limit), min(stale, limit))
    }

    /// How long before the end of its time an answer is refreshed.
    func refreshMargin(of lifetime: Duration) -> Duration {
        lifetime * min(max(refreshAhead, 0), 1)
    }

    /// How long a refusal may be answered from memory; zero or less if not at all.
    func rejectedLifetime(roll: UInt64) -> Duration {
        jittered(rejectedTTL, roll: roll)
    }

    private func jittered(_ duration: Duration, roll: UInt64) -> Duration {
        let part = Double(roll >> 11) / Double(1 << 52) - 1
        return duration + duration * (min(max(jitter, 0), 1) * part)
    }
}
