package import CallerLimits
package import DoormanCache
package import DoormanCore
package import DoormanGovernor
internal import DoormanServer
package import DoormanSupport

/// The backend of the server: the cache, the cache-miss limit and the rule for stale entries.
package final class VerificationService: VerificationBackend {
    /// Reads the state of the layers below the server.
    package struct StateReader: Sendable {
        let statistics: @Sendable () -> ServerStatistics
        let isReady: @Sendable () -> Bool

        /// - Parameter isReady: Returns whether the first request to each provider has ended.
        package init(statistics: @escaping @Sendable () -> ServerStatistics, isReady: @escaping @Sendable () -> Bool) {
            self.statistics = statistics
            self.isReady = isReady
        }
    }

    package let timeSource: TimeSource
    private let verifier: CachingVerifier
    private let missLimiter: CallerRateLimiter<Caller>
    private let accountRevocationLimiter: CallerRateLimiter<Caller>
    private let staleRule: StaleServingRule
    private let state: StateReader

    package init(
        verifier: CachingVerifier, missLimiter: CallerRateLimiter<Caller>,
        accountRevocationLimiter: CallerRateLimiter<Caller>, staleRule: StaleServingRule, timeSource: TimeSource,
        state: StateReader
    ) {
        self.verifier = verifier
        self.missLimiter = missLimiter
        self.accountRevocationLimiter = accountRevocationLimiter
        self.staleRule = staleRule
        self.timeSource = timeSource
        self.state = state
    }

    // MARK: - Calls on event loops

    package func key(of token: Span<UInt8>) -> TokenKey { verifier.key(of: token) }

    package func lookup(
        _ key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        verifier.lookup(key, applicationID: applicationID, maxAgeSeconds: maxAgeSeconds, now: now, into: &response)
    }

    package func lookup(_ call: VerifyCall, now: Instant, into response: inout EncodedResponse) -> CacheHit? {
        verifier.lookup(call, now: now, into: &response)
    }

    package func knows(provider: String) -> Bool { verifier.knows(provider: provider) }

    package func refresh(_ call: VerifyCall) { verifier.refresh(call) }

    package func validateSyntax(of token: Token, naming provider: String?) -> Rejection? {
        verifier.validateSyntax(of: token, naming: provider)
    }

    package func serveStale(
        _ call: VerifyCall, on occasion: StaleOccasion, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        guard let provider = verifier.staleProvider(of: call, now: now), staleRule.allowsServing(of: provider, on: occasion) else {
            return nil
        }
        return verifier.serveStale(call, now: now, into: &response)
    }

    package func isLookupInFlight(for call: VerifyCall) -> Bool { verifier.isLookupInFlight(for: call) }

    package func chargeCacheMiss(to caller: Caller, limit: RateLimit?, now: Instant) -> RateLimitExceeded? {
        missLimiter.charge(caller, limit: limit, at: now)
    }

    package func chargeAccountRevocation(to caller: Caller, limit: RateLimit?, now: Instant) -> Duration? {
        accountRevocationLimiter.charge(caller, limit: limit, at: now)?.retryAfter
    }

    package func statistics() -> ServerStatistics { state.statistics() }

    package var isReady: Bool { state.isReady() }

    // MARK: - Asynchronous calls

    package func verify(_ call: VerifyCall, deadline: Deadline) async throws(VerificationError) -> EncodedVerdict {
        try await verifier.verify(call, deadline: deadline)
    }

    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await verifier.exchange(request, deadline: deadline)
    }

    package var gate: RevocationGate { verifier.gate }

    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationPosition? {
        try await verifier.revoke(request, deadline: deadline)
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await verifier.accounts(request, deadline: deadline)
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await verifier.deleteAccount(request, deadline: deadline)
    }
}
