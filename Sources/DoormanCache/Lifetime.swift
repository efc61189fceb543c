internal import DoormanCore

extension CacheSettings {
    /// How long an identity may be answered from memory; zero or less if not at all.
    ///
    /// - Parameters:
    ///   - expiry: When the provider says the token expires.
    ///   - roll: 64 random bits, for the jitter.
    func lifetime(expiry: Timestamp, wallTime: Timestamp, roll: UInt64) -> Duration {
        let lifetime = jittered(ttl, roll: roll)
        guard expiry != .distantFuture else { return lifetime }
        let (left, overflow) = expiry.millisecondsSince1970.subtractingReportingOverflow(wallTime.millisecondsSince1970)
        guard !overflow else { return expiry < wallTime ? .zero : lifetime }
        return min(lifetime, .milliseconds(left) - clockSkew)
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
