/// The kind of a response, as metrics and logs distinguish them. The raw values are the names in metrics.
package enum ResponseKind: String, Sendable, Hashable, CaseIterable {
    case success
    /// The provider calls the token invalid, expired or revoked.
    case tokenRejected = "token_rejected"
    /// The provider calls the authorization code invalid or used.
    case codeRejected = "code_rejected"
    /// "Invalid appsecret_proof": our secret is wrong, or the token belongs to another application.
    case proofInvalid = "proof_invalid"
    /// The provider says that the token belongs to another application.
    case otherApplication = "other_application"
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
    /// JSON of a wrong shape, or a document that can't be used, such as a key set without keys.
    case malformed
    /// "require an appsecret_proof": our secret is missing.
    case proofRequired = "proof_required"
    /// Our application, credential, path or API version is rejected.
    case configurationRejected = "configuration_rejected"
    /// HTTP 401, or `invalid_client`: our client id, secret or key is rejected.
    case credentialRejected = "credential_rejected"
}

extension ResponseKind {
    /// Creates the kind of a response that is judged by its status alone.
    package init(ofStatus status: Int) {
        switch status {
        case 200: self = .success
        case 429: self = .throttled
        case 500...: self = .serverError
        default: self = .unexpectedStatus
        }
    }
}

extension ResponseKind {
    /// A message for people: the failure and its cause, in one sentence. Each is a literal, since cached rejections contain them.
    package var message: String {
        switch self {
        case .success: "The provider responded."
        case .tokenRejected: "The provider rejected the token: it is invalid, expired or revoked."
        case .codeRejected: "The provider rejected the code: it is invalid or was used before."
        case .proofInvalid:
            "The provider rejected the appsecret_proof: the app secret is wrong, or the token belongs to another application."
        case .otherApplication: "The provider says that the token belongs to another application."
        case .throttled: "The provider is rate limiting this application."
        case .serverError: "The provider returned a server error."
        case .outageOrWrongSecret: "The provider is down, or it rejected the application: check the app id and the app secret."
        case .outageOrNoSuchAccount:
            "The provider is down, has no such account, or rejected the application: check the account, app id and app secret."
        case .transientError: "The provider returned a transient error."
        case .unexpectedError: "The provider returned an unexpected error."
        case .unexpectedStatus: "The provider returned an unexpected HTTP status."
        case .notJSON: "The provider's response is not a JSON object."
        case .malformed: "The provider's response is malformed."
        case .proofRequired: "The provider requires an appsecret_proof for this application: configure its app secret."
        case .configurationRejected:
            "The provider rejected the application: check the app id, the app secret and the API version."
        case .credentialRejected: "The provider rejected Doorman's own credential: check the client id, and its secret or key."
        }
    }
}
