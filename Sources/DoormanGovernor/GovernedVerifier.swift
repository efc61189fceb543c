package import DoormanCore
internal import NIOConcurrencyHelpers

/// Decides whether and when the provider behind it may be asked: so many calls at once, nobody while it throttles us, and few
/// second tries. It knows nothing of what is asked, and is the same for every provider.
package final class GovernedVerifier: Sendable {
    private let upstream: any TokenProvider
    private let settings: GovernorSettings
    private let timeSource: TimeSource
    private let slots: Slots
    private let backOff: NIOLockedValueBox<BackOff>
    private let retryBudget: NIOLockedValueBox<RetryBudget>

    package init(upstream: any TokenProvider, settings: GovernorSettings, timeSource: TimeSource) {
        self.upstream = upstream
        self.settings = settings
        self.timeSource = timeSource
        slots = Slots(count: settings.concurrentCalls, maximumWaiting: settings.maximumWaiting, now: timeSource.now)
        backOff = NIOLockedValueBox(BackOff(settings: settings))
        retryBudget = NIOLockedValueBox(RetryBudget(settings: settings))
    }

    package var statistics: GovernorStatistics {
        GovernorStatistics(
            freeSlots: slots.free, waiting: slots.waiting,
            backOff: backOff.withLockedValue { [now = timeSource.now()] in $0.remaining(at: now) })
    }
}

extension GovernedVerifier: TokenProvider {
    package func refusalByForm(of token: Token) -> Rejection? {
        upstream.refusalByForm(of: token)
    }

    /// Tried a second time if the provider was unavailable, time is left, and the budget allows: a question is safe to repeat.
    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        try await governed(deadline) { () async throws(VerificationError) in
            self.retryBudget.withLockedValue { $0.earn() }
            do throws(VerificationError) {
                return try await self.upstream.verify(request, deadline: deadline)
            } catch {
                guard error.code == .providerUnavailable, self.mayRetry(after: error, before: deadline) else { throw error }
                return try await self.upstream.verify(request, deadline: deadline)
            }
        }
    }

    /// Tried once: a code is good once, and nobody knows whether a lost answer spent it.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await governed(deadline) { () async throws(VerificationError) in
            try await self.upstream.exchange(request, deadline: deadline)
        }
    }

    package func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        try await governed(deadline) { () async throws(VerificationError) in
            try await self.upstream.revoke(request, deadline: deadline)
        }
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await governed(deadline) { () async throws(VerificationError) in
            try await self.upstream.accounts(request, deadline: deadline)
        }
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await governed(deadline) { () async throws(VerificationError) in
            try await self.upstream.deleteAccount(request, deadline: deadline)
        }
    }
}

extension GovernedVerifier {
    private func governed<Answer>(
        _ deadline: Deadline, _ call: () async throws(VerificationError) -> Answer
    ) async throws(VerificationError) -> Answer {
        try refuseDuringBackOff()
        try await slots.acquire(deadline: deadline)
        defer { slots.release() }
        // It may have begun while this call waited.
        try refuseDuringBackOff()
        do throws(VerificationError) {
            return try await call()
        } catch {
            guard error.code == .providerBusy else { throw error }
            let now = timeSource.now()
            let remaining = backOff.withLockedValue { backOff in
                backOff.begin(at: now, retryAfter: error.retryAfter)
                return backOff.remaining(at: now)
            }
            throw VerificationError(.providerBusy, error.message, retryAfter: remaining)
        }
    }

    private func refuseDuringBackOff() throws(VerificationError) {
        let now = timeSource.now()
        guard let remaining = backOff.withLockedValue({ $0.remaining(at: now) }) else { return }
        throw VerificationError(.providerBusy, "The provider throttles us; nobody asks it for a while.", retryAfter: remaining)
    }

    /// Not if the provider named a time, or throttles others meanwhile.
    private func mayRetry(after error: VerificationError, before deadline: Deadline) -> Bool {
        !Task.isCancelled && error.retryAfter == nil
            && backOff.withLockedValue { [now = timeSource.now()] in $0.remaining(at: now) == nil }
            && deadline.remaining(at: timeSource.now()) >= settings.minimumRetryTime
            && retryBudget.withLockedValue { $0.spend() }
    }
}
