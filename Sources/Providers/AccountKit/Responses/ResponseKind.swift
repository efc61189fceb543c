package import ProviderHTTP

/// The kind of a response, as metrics and logs distinguish them. The raw values are the names in metrics.
package enum ResponseKind: String, Sendable, Hashable, CaseIterable {
    case success
    /// Code 190 or 102.
    case tokenRejected = "token_rejected"
    /// Code 1 about an authorization code.
    case codeRejected = "code_rejected"
    /// "Invalid appsecret_proof": our secret is wrong, or the token belongs to another application.
    case proofInvalid = "proof_invalid"
    case throttled
    /// HTTP 500 or above.
    case serverError = "server_error"
    /// HTTP 500 with code 2 to a request with the app token: an outage, or a wrong app id or secret.
    case outageOrWrongSecret = "outage_or_wrong_secret"
    /// HTTP 500 with code 2 to the deletion of an account: an outage, no such account, or a wrong app id or secret.
    case outageOrNoSuchAccount = "outage_or_no_such_account"
    /// The provider marks its error as transient, or reports an unknown error.
    case transientError = "transient_error"
    /// An error that the contract does not know.
    case unexpectedError = "unexpected_error"
    /// A redirect, or another status that the contract does not define.
    case unexpectedStatus = "unexpected_status"
    /// The body is not JSON, or not an object.
    case notJSON = "not_json"
    /// JSON of a wrong shape.
    case malformed
    /// "require an appsecret_proof": our secret is missing.
    case proofRequired = "proof_required"
    /// Our application, credential, path or API version is rejected.
    case configurationRejected = "configuration_rejected"
}

/// The outcome of one request to Account Kit.
package enum RequestOutcome: Sendable, Hashable {
    /// A whole response arrived.
    case answered(ResponseKind, status: Int)
    /// No whole response arrived.
    case failed(TransportError.Code, TransportError.Cause? = nil)
}
