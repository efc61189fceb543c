package import DoormanCore

/// One `Verify` call that the cache could not answer at once.
///
/// Its token's syntax was validated and its key was computed when it was made. Every layer below is handed this value, and does neither
/// again.
package struct VerifyCall: Sendable, Hashable {
    /// The token to verify. Its syntax is valid.
    package let token: Token
    /// The keyed hash of ``token`` alone. Provider and application are facts of a cached entry, compared for each call.
    package let key: TokenKey
    /// The application that the token must have been made for; `nil` for any that is configured.
    package let applicationID: String?
    /// The maximum age of a cached answer; `nil` for any age within its TTL.
    package let maxAge: Duration?

    /// - Parameters:
    ///   - token: One whose syntax was validated.
    ///   - key: The token's.
    package init(validated token: Token, key: TokenKey, applicationID: String? = nil, maxAge: Duration? = nil) {
        self.token = token
        self.key = key
        self.applicationID = applicationID
        self.maxAge = maxAge
    }
}

/// A verdict with its response, which is encoded once for all calls that it answers.
package struct EncodedVerdict: Sendable, Hashable {
    package var verdict: Verdict
    package var response: EncodedResponse

    package init(_ verdict: Verdict, _ response: EncodedResponse) {
        self.verdict = verdict
        self.response = response
    }
}

/// What the cache says of a call that it answered.
package struct CacheHit: Sendable, Hashable {
    /// Why the token is rejected; `nil` for a valid one.
    package let rejection: Rejection.Reason?
    /// Whether this hit is the one that has the entry refreshed before its TTL ends.
    package let isDueForRefresh: Bool

    package init(rejection: Rejection.Reason? = nil, isDueForRefresh: Bool = false) {
        self.rejection = rejection
        self.isDueForRefresh = isDueForRefresh
    }
}

/// What a call meets when it asks for a stale entry.
package enum StaleOccasion: Sendable, Hashable {
    /// A cache miss, before anything is charged for it.
    case cacheMiss
    /// The caller's limit on cache misses is exceeded.
    case missLimitExceeded
}
