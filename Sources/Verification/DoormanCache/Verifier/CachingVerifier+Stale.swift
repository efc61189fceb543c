internal import DoormanCore
internal import DoormanSupport

// Answers past their time, for while the provider can't be asked. Never because it refused: that is an answer.

extension CachingVerifier {
    /// By when a call gives up waiting for the provider.
    ///
    /// - Parameter hasStandIn: Whether there is an answer that can be given then, which takes its time, too.
    func patience(until deadline: Deadline, hasStandIn: Bool, now: Instant) -> Deadline {
        guard hasStandIn else { return deadline }
        let reserve = min(settings.staleReserve, deadline.remaining(at: now) / 2)
        return Deadline(deadline.instant.advanced(by: .zero - reserve))
    }

    /// The answer to give in place of the error, if there is one.
    ///
    /// - Parameter hadStandIn: Whether this call stopped waiting early because of it.
    func standIn(for error: VerificationError, _ request: VerificationRequest, _ key: TokenKey, hadStandIn: Bool) -> Verdict? {
        switch error.code {
        case .providerUnavailable, .providerBusy: break
        case .deadlineExceeded where hadStandIn && !Task.isCancelled: break
        default: return nil
        }
        // Another call, or the flight, may have been here before.
        if case .known(let verdict, _) = cache.recall(key, maxAge: request.maxAge, now: timeSource.now(), isRepeated: true) {
            return verdict
        }
        return giveStale(key, maxAge: request.maxAge)
    }

    /// Marks the entry that is past its time, if it still will do, so that for some moments calls find it in memory without
    /// asking a provider that has just failed.
    @discardableResult
    func giveStale(_ key: TokenKey, maxAge: Duration?) -> Verdict? {
        let now = timeSource.now()
        guard var entry = cache.standIn(for: key, maxAge: maxAge, now: now), case .valid(var identity) = entry.verdict else {
            return nil
        }
        // A refresh that failed, of what is still within its time.
        guard entry.expiresAt <= now else { return entry.verdict }
        entry.expiresAt = min(now.advanced(by: settings.staleRetry), entry.staleUntil)
        identity.freshness = .stale
        identity.validUntil = timeSource.wallTime().advanced(by: now.duration(to: entry.expiresAt))
        entry.verdict = .valid(identity)
        entry.reply = pack(entry.verdict)
        cache.giveStale(entry, for: key)
        return entry.verdict
    }
}
