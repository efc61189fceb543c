package import DoormanCore

/// A `Verify` call that missed the cache.
///
/// Its token has been validated and its key has been computed, once for all layers below.
package struct VerifyCall: Sendable, Hashable {
    /// The token, whose syntax is valid.
    package let token: Token
    /// The keyed hash of ``token`` alone. A cached entry contains its provider and application, which each call compares.
    package let key: TokenKey
    /// The facts that the token must have.
    package let requirements: TokenRequirements
    /// The maximum age of a cached verdict; `nil` for any age within its TTL.
    package let maxAge: Duration?
    /// The revocation that the verdict must not be older than; `nil` for none.
    package let notBefore: RevocationPosition?
    /// The caller that the limits count. It pays for further provider requests of a lookup that the call begins. `nil` for no caller.
    package let caller: Caller?

    /// - Parameters:
    ///   - token: A token whose syntax is valid.
    ///   - key: The key of that token.
    package init(
        validated token: Token, key: TokenKey, requirements: TokenRequirements = .none, maxAge: Duration? = nil,
        notBefore: RevocationPosition? = nil, caller: Caller? = nil
    ) {
        self.token = token
        self.key = key
        self.requirements = requirements
        self.maxAge = maxAge
        self.notBefore = notBefore
        self.caller = caller
    }
}

/// The source of a response. The raw values are the names in the statistics.
package enum ResponseSource: String, Sendable, Hashable {
    /// A cached entry, or the denial list.
    case cache
    /// The provider, or the wait for its response.
    case provider
    /// This server. No provider request was sent for the call.
    case server
}

/// A verdict with its encoded response, which is shared by all calls with that verdict.
package struct EncodedVerdict: Sendable, Hashable {
    package var verdict: Verdict
    package var response: EncodedResponse
    package var source: ResponseSource

    /// - Parameter source: The source of the verdict. By default the cache.
    package init(_ verdict: Verdict, _ response: EncodedResponse, from source: ResponseSource = .cache) {
        self.verdict = verdict
        self.response = response
        self.source = source
    }
}

/// The metadata of a cache hit.
package struct CacheHit: Sendable, Hashable {
    /// Why the call gets no identity; `nil` if it gets one.
    package let denial: VerdictDenial?
    /// Whether this hit must trigger the refresh of its entry.
    package let isDueForRefresh: Bool

    package init(denial: VerdictDenial? = nil, isDueForRefresh: Bool = false) {
        self.denial = denial
        self.isDueForRefresh = isDueForRefresh
    }
}

/// The situation in which a call asks for a stale entry.
package enum StaleOccasion: Sendable, Hashable {
    /// A cache miss that has not been charged to the caller.
    case cacheMiss
    /// The caller has exceeded its limit on cache misses.
    case missLimitExceeded
}
