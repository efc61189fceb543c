package import CallerLimits
package import DoormanCore
package import DoormanSupport

/// The layers below the server: the cache, which is called on the event loop, and the providers, which are asynchronous.
///
/// Event loops call the synchronous methods, some of them for every call. The protocol is class-bound, so that a call goes
/// through one witness without boxing. No method has a default: a missing limit must not compile.
package protocol VerificationBackend: AnyObject, Sendable {
    /// The clock for all deadlines and ages.
    var timeSource: TimeSource { get }

    /// Open while every entry of the cache may be served. While it is closed, calls take ``lookup(_:now:into:)-(VerifyCall,_,_)``, which judges
    /// each entry. Read once by each event loop.
    var gate: RevocationGate { get }

    /// Returns the token's cache key. May prefetch the cache entry of this key.
    func key(of token: Span<UInt8>) -> TokenKey

    /// Copies the cached response for a `Verify`, if the cache has an entry that fits the call.
    ///
    /// - Parameters:
    ///   - applicationID: The application in UTF-8; empty for any application.
    ///   - maxAgeSeconds: The maximum age of the entry in seconds; 0 for any age within the TTL.
    ///   - response: Receives the response frame's data.
    /// - Returns: `nil` for a cache miss.
    func lookup(
        _ key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit?

    /// Copies the cached response for a `Verify` with any requirements, as ``lookup(_:applicationID:maxAgeSeconds:now:into:)`` does for
    /// those of the most frequent calls.
    func lookup(_ call: VerifyCall, now: Instant, into response: inout EncodedResponse) -> CacheHit?

    /// Returns whether a provider of this name is configured.
    func knows(provider: String) -> Bool

    /// Starts a background refresh of the token of a call that was just answered from the cache.
    func refresh(_ call: VerifyCall)

    /// Validates a token's syntax without a provider request.
    ///
    /// - Parameter provider: The provider that the call names; `nil` if it names none.
    /// - Returns: The rejection of a malformed token; `nil` if the syntax is valid.
    func validateSyntax(of token: Token, naming provider: String?) -> Rejection?

    /// Copies the stale response for a call, if an entry fits the call and may be served on this occasion.
    func serveStale(
        _ call: VerifyCall, on occasion: StaleOccasion, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit?

    /// Returns whether a lookup is in flight that the call can join. It then causes no provider request.
    func isLookupInFlight(for call: VerifyCall) -> Bool

    /// Charges a cache miss to the rate limits of the caller and of its network.
    ///
    /// - Parameter limit: The caller's own limit from the policy; `nil` for the default limit of
    ///   `authorization.misses-per-second`.
    /// - Returns: `nil` if allowed, otherwise the limit that is exceeded. Neither limit is charged then.
    func chargeCacheMiss(to caller: Caller, limit: RateLimit?, now: Instant) -> RateLimitExceeded?

    /// Charges the revocation or deletion of an account to the caller's rate limit.
    ///
    /// - Parameter limit: The caller's own limit from the policy; `nil` for the default limit of
    ///   `authorization.account-revocations-per-second`.
    /// - Returns: `nil` if allowed, otherwise the time until the next permit.
    func chargeAccountRevocation(to caller: Caller, limit: RateLimit?, now: Instant) -> Duration?

    /// Verifies a token after a cache miss.
    func verify(_ call: VerifyCall, deadline: Deadline) async throws(VerificationError) -> EncodedVerdict

    /// Exchanges a code for a token. ``TokenProvider`` documents this method and those below.
    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict
    /// - Returns: The position of the revocation among those of all servers; `nil` if this server is alone.
    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) -> RevocationPosition?
    func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage
    func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError)

    /// Whether the first request to each provider has ended, well or not. Until then, health checks say that the server does not serve, and
    /// calls are answered all the same. Once true it stays true.
    var isReady: Bool { get }

    /// Returns the statistics of the layers below the server. The server adds its own.
    func statistics() -> ServerStatistics
}
