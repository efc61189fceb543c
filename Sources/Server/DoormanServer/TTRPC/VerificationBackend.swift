internal import CallerLimits
package import DoormanCore
package import DoormanSupport

/// What the server needs from the layers below it: the cache first, on the event loop; then the provider, asynchronously.
///
/// Event loops call the methods without `async`, some of them for every call. The protocol is bound to classes, so that such a call goes
/// through one witness and no box. No method has a default: a limit that is forgotten must not compile.
package protocol VerificationBackend: AnyObject, Sendable {
    /// The clock of every deadline and every age.
    var timeSource: TimeSource { get }

    /// The token's cache key. What the cache has under it may be prefetched meanwhile.
    func key(of token: Span<UInt8>) -> TokenKey

    /// Copies the cached response for a `Verify`, if the cache has one that fits the call.
    ///
    /// - Parameters:
    ///   - applicationID: In UTF-8; empty for any.
    ///   - maxAgeSeconds: 0 for any age.
    ///   - response: Where the data of a response frame is copied to.
    /// - Returns: `nil` for a cache miss.
    func lookup(
        _ key: TokenKey, applicationID: Span<UInt8>, maxAgeSeconds: UInt32, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit?

    /// Asks the provider again, in the background, about a token that was just answered from the cache.
    func refresh(_ token: Token, key: TokenKey)

    /// Judges a token by its syntax alone.
    ///
    /// - Returns: The rejection of what can't be a token; `nil` otherwise.
    func validateSyntax(of token: Token) -> Rejection?

    /// Copies the stale response for a call, if the cache has one that fits it and it may be served on this occasion.
    func serveStale(
        _ call: VerifyCall, on occasion: StaleOccasion, now: Instant, into response: inout EncodedResponse
    ) -> CacheHit?

    /// Whether a provider request for the token is in flight, so that one more call costs the provider nothing.
    func isLookupInFlight(_ key: TokenKey) -> Bool

    /// Charges a cache miss to the caller's limit.
    ///
    /// - Parameter limit: The caller's own limit; `nil` for that of every caller.
    /// - Returns: `nil` if allowed, otherwise the time until the next permit.
    func chargeCacheMiss(to caller: Caller, limit: RateLimit?, now: Instant) -> Duration?

    /// Verifies a token that the cache had no answer for.
    func verify(_ call: VerifyCall, deadline: Deadline) async throws(VerificationError) -> EncodedVerdict

    /// Exchanges a code for a token. See ``TokenProvider``, also for the methods below.
    func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict
    func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError)
    func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage
    func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError)

    /// What is known below the server. The server adds its own counters.
    func statistics() -> ServerStatistics
}
