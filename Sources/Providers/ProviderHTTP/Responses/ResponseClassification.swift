package import StrictJSON

/// The meaning of a response from a provider. ``ResponseKind`` is its name in metrics and logs.
///
/// Each kind of provider has an initializer of its own for its error format.
package enum ResponseClassification: Sendable, Hashable {
    /// Status 200 with a JSON object that reports no error. The object's fields have not been validated.
    case success([String: JSONValue])
    /// The provider is well, and rejects the token, the code or the request. Permanent.
    case rejected(ResponseKind)
    /// The provider rate limits the application.
    case busy(retryAfter: Duration?)
    /// The provider is failing, or its response is malformed.
    case unavailable(ResponseKind, retryAfter: Duration?)
    /// The provider rejects our settings, not the token.
    case misconfigured(ResponseKind)

    package var kind: ResponseKind {
        switch self {
        case .success: .success
        case .busy: .throttled
        case .rejected(let kind), .unavailable(let kind, _), .misconfigured(let kind): kind
        }
    }
}
