package import ProviderHTTP
internal import StrictJSON

extension ResponseClassification {
    /// Classifies a response to an introspection: only status 200 with a JSON object whose `active` is a Boolean is a success.
    package init(introspection response: HTTPResponse) {
        let object = JSONValue(bytes: response.body)?.object
        guard response.status == 200 else {
            self.init(failure: response, object?["error"]?.string)
            return
        }
        guard let object else {
            self = .unavailable(.notJSON, retryAfter: nil)
            return
        }
        guard case .bool? = object["active"] else {
            // A server without `active` is broken, and says nothing about the token.
            self = .unavailable(.malformed, retryAfter: nil)
            return
        }
        self = .success(object)
    }

    /// Classifies a response to a revocation: status 200 is a success, whatever its body (RFC 7009, section 2.2).
    ///
    /// A server that can't revoke tokens of this type, or not for us, rejects the request. Most servers revoke a token only for the client
    /// that got it (RFC 7009, section 2.1), and Doorman is another client.
    package init(revocation response: HTTPResponse) {
        if response.status == 200 {
            self = .success([:])
            return
        }
        let error = JSONValue(bytes: response.body)?.object?["error"]?.string
        if [400, 403].contains(response.status), error.map(Self.refusalsToRevoke.contains) == true {
            self = .rejected(.unexpectedError)
        } else {
            self.init(failure: response, error)
        }
    }

    private static let refusalsToRevoke: Set = ["unsupported_token_type", "invalid_grant", "unauthorized_client"]

    /// - Parameter error: The error code of RFC 6749, section 5.2; `nil` if the response has none.
    private init(failure response: HTTPResponse, _ error: String?) {
        let retryAfter = RetryAfter.duration(in: response.headers)
        switch response.status {
        case 429:
            self = .busy(retryAfter: retryAfter)
        case 500...:
            self = .unavailable(.serverError, retryAfter: retryAfter)
        case 401:
            self = .misconfigured(.credentialRejected)
        case 400 where error == "invalid_client":
            self = .misconfigured(.credentialRejected)
        case 400 where error != nil:
            self = .unavailable(.unexpectedError, retryAfter: retryAfter)
        default:
            self = .unavailable(.unexpectedStatus, retryAfter: retryAfter)
        }
    }
}
