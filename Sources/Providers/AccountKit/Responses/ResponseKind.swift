package import ProviderHTTP

/// The kinds of responses that metrics and logs tell apart. The raw values are the names in metrics.
package enum ResponseKind: String, Sendable, Hashable, CaseIterable {
    case success
    /// Code 190 or 102.
    case tokenRejected = "token_rejected"
    /// Code 1 about an authorization code.
    case codeRejected = "code_rejected"
    /// "Invalid appsecret_proof": our secret is wrong, or the token is another application's.
    case proofInvalid = "proof_invalid"
    /// Any other rejection with a 4xx status.
    case requestRejected = "request_rejected"
    case throttled
    /// HTTP 500 or above.
    case serverError = "server_error"
    /// HTTP 500 with code 2 to a call that the application makes in its own name: an outage, or a wrong app id or secret.
    case outageOrWrongSecret = "outage_or_wrong_secret"
    /// HTTP 500 with code 2 at the deletion of an account: an outage, no such account, or a wrong app id or secret.
    case outageOrNoSuchAccount = "outage_or_no_such_account"
    /// The provider calls its own error transient, or does not know it.
    case transientError = "transient_error"
    /// HTTP 429 without an error code.
    case bareTooManyRequests = "bare_too_many_requests"
    /// A redirect, or another status that the contract does not know.
    case unexpectedStatus = "unexpected_status"
    /// Not JSON, or not an object.
    case notJSON = "not_json"
    /// JSON of a wrong shape: `nonsense` in metrics.
    case malformed = "nonsense"
    /// "require an appsecret_proof": our secret is missing.
    case proofRequired = "proof_required"
}

/// The outcome of one request to Account Kit.
package enum RequestOutcome: Sendable, Hashable {
    case answered(ResponseKind, status: Int)
    case failed(TransportError.Code)
}
