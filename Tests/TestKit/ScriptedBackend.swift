package import CallerLimits
package import DoormanCore
internal import DoormanServer
package import DoormanSupport
internal import DoormanWire
internal import NIOConcurrencyHelpers

/// A backend of the server whose cache a test describes, in front of a provider.
///
/// The server looks up keys alone. This backend records the token of each key, so that tests can use tokens.
package final class ScriptedBackend: VerificationBackend {
    /// Returns `nil` if the cache-miss limit of the caller allows another call, otherwise the time until the next permit.
    package typealias ChargeMiss = @Sendable (_ caller: Caller, _ limit: RateLimit?, _ now: Instant) -> Duration?

    /// The cache, described by tokens. It has no entries by default.
    package struct Cache: Sendable {
        /// The position of each revocation. `nil` by default, as without a fleet.
        package var position: RevocationPosition?
        /// Whether an entry may answer a call that names a revocation. A backend without a fleet has applied all revocations.
        package var isCaughtUp: @Sendable (RevocationPosition) -> Bool = { _ in true }
        /// Returns the response of a cached token.
        package var response: @Sendable (Token) -> EncodedResponse? = { _ in nil }
        /// Returns the stale response of a token, if it may be served on this occasion.
        package var staleResponse: @Sendable (Token, StaleOccasion) -> EncodedResponse? = { _, _ in nil }
        /// Returns whether a provider request for the token is in flight.
        package var isInFlight: @Sendable (Token) -> Bool = { _ in false }

        package init() {}
    }

    package let timeSource: TimeSource
    private let provider: any TokenRouter
    private let cache: Cache
    private let chargeMiss: ChargeMiss
    private let chargeRevocation: ChargeMiss
    private let readStatistics: @Sendable () -> ServerStatistics
    private let tokens = NIOLockedValueBox<[TokenKey: Token]>([:])
    private let readiness = NIOLockedValueBox(true)

    package init(
        provider: any TokenRouter, cache: Cache, timeSource: TimeSource = .system,
        chargeMiss: @escaping ChargeMiss = { _, _, _ in nil }, chargeRevocation: @escaping ChargeMiss = { _, _, _ in nil },
        statistics: @escaping @Sendable () -> ServerStatistics = { ServerStatistics() }
    ) {
        self.provider = provider
        self.cache = cache
        self.timeSource = timeSource
        self.chargeMiss = chargeMiss
        self.chargeRevocation = chargeRevocation
        self.readStatistics = statistics
    }

    package func key(of token: Span<UInt8>) -> TokenKey {
        let bytes = token.indices.map { token[$0] }
        let hash = bytes.reduce(UInt64(bytes.count)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        let key = TokenKey(words: (hash, 0))
        tokens.withLockedValue { tokens in
            let other = tokens.updateValue(Token(bytes: bytes), forKey: key)
            precondition(other == nil || other == Token(bytes: bytes), "two tokens have one key")
        }
        return key
    }

    package func lookup(
        _ key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        guard let cached = cache.response(token(of: key)) else { return nil }
        response = cached
        return CacheHit()
    }

    package func lookup(_ call: VerifyCall, now: Instant, into response: inout EncodedResponse) -> CacheHit? {
        guard isCaughtUp(for: call), let cached = cache.response(token(of: call.key)) else { return nil }
        response = cached
        return CacheHit()
    }

    package func knows(provider name: String) -> Bool { provider.knows(provider: name) }

    package func refresh(_ call: VerifyCall) {}

    package func validateSyntax(of token: Token, naming name: String?) -> Rejection? {
        provider.validateSyntax(of: token, naming: name)
    }

    package func serveStale(
        _ call: VerifyCall, on occasion: StaleOccasion, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit? {
        guard isCaughtUp(for: call), let stale = cache.staleResponse(call.token, occasion) else { return nil }
        response = stale
        return CacheHit()
    }

    package func isLookupInFlight(for call: VerifyCall) -> Bool { isCaughtUp(for: call) && cache.isInFlight(token(of: call.key)) }

    package func chargeCacheMiss(to caller: Caller, limit: RateLimit?, now: Instant) -> RateLimitExceeded? {
        chargeMiss(caller, limit, now).map { RateLimitExceeded(.caller, retryAfter: $0) }
    }

    package func chargeAccountRevocation(to caller: Caller, limit: RateLimit?, now: Instant) -> Duration? {
        chargeRevocation(caller, limit, now)
    }

    /// True by default.
    package var isReady: Bool {
        get { readiness.withLockedValue { $0 } }
        set { readiness.withLockedValue { $0 = newValue } }
    }

    package func statistics() -> ServerStatistics { readStatistics() }

    package func verify(_ call: VerifyCall, deadline: Deadline) async throws(VerificationError) -> EncodedVerdict {
        precondition(call.token == token(of: call.key), "the key is another token's")
        var request = VerificationRequest(token: call.token, requirements: call.requirements, maxAge: call.maxAge)
        request.notBefore = call.notBefore
        let verdict = try await provider.verify(request, deadline: deadline)
        return EncodedVerdict(verdict, EncodedResponse(bytes: ResponseEncoder.encode(verdict)), from: .provider)
    }

    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await provider.exchange(request, deadline: deadline)
    }

    package let gate = RevocationGate()

    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationPosition? {
        try await provider.revoke(request, deadline: deadline)
        return cache.position
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await provider.accounts(request, deadline: deadline)
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await provider.deleteAccount(request, deadline: deadline)
    }

    private func isCaughtUp(for call: VerifyCall) -> Bool { call.notBefore.map(cache.isCaughtUp) ?? true }

    /// Returns the token of a key. The server uses only keys of this backend.
    private func token(of key: TokenKey) -> Token {
        guard let token = tokens.withLockedValue({ $0[key] }) else { preconditionFailure("no token has this key") }
        return token
    }
}
