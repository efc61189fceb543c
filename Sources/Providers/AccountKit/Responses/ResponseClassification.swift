package import ProviderHTTP

/// What an answer of Account Kit's means (the contract, section 3). ``ResponseKind`` is its name for metrics and logs.
package enum ResponseClassification: Sendable, Hashable {
    /// 200 with a JSON object that reports no error. What is in it is still to be judged.
    case success([String: JSONValue])
    /// The provider is well, and refuses. Permanent.
    case rejected(ResponseKind)
    /// The provider throttles.
    case busy(retryAfter: Duration?)
    /// The provider is not well, or answers nonsense.
    case unavailable(ResponseKind, retryAfter: Duration?)
    /// The provider refuses our settings, not the token.
    case misconfigured(ResponseKind)

    package var kind: ResponseKind {
        switch self {
        case .success: .success
        case .busy: .throttled
        case .rejected(let kind), .unavailable(let kind, _), .misconfigured(let kind): kind
        }
    }
}

/// The kinds of answers that are worth telling apart when looking at a running service. Raw values name them in metrics.
package enum ResponseKind: String, Sendable, Hashable, CaseIterable {
    case success
    /// Code 190 or 102.
    case tokenRejected = "token_rejected"
    /// Code 1 about an authorization code.
    case codeRejected = "code_rejected"
    /// "Invalid appsecret_proof": our secret is wrong, or the token is another application's.
    case proofInvalid = "proof_invalid"
    /// Any other refusal with a 4xx status.
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
    /// HTTP 429 that names no error code.
    case bareTooManyRequests = "bare_too_many_requests"
    /// A redirect, or another status that the contract does not know.
    case unexpectedStatus = "unexpected_status"
    /// Not JSON, or not an object.
    case notJSON = "not_json"
    /// JSON of a wrong shape.
    case nonsense
    /// "require an appsecret_proof": our secret is missing.
    case proofRequired = "proof_required"
}

extension ResponseClassification {
    /// Classifies the answer: the seven rules of section 3, the first that matches counts.
    package init(_ response: HTTPResponse, to endpoint: AccountKitEndpoint) {
        let retryAfter = RetryAfter.duration(in: response.headers)
        let object = JSONValue(bytes: response.body)?.object
        let error = object.flatMap { $0["error"] }.map(ErrorEnvelope.init)
        if response.status >= 500 {
            let isAmbiguous = response.status == 500 && error??.code == 2
            self = .unavailable(isAmbiguous ? Self.outage(at: endpoint) : .serverError, retryAfter: retryAfter)
        } else if response.status == 429, error??.code == nil {
            self = .unavailable(.bareTooManyRequests, retryAfter: retryAfter)
        } else if response.status != 200, !(400..<500).contains(response.status) {
            self = .unavailable(.unexpectedStatus, retryAfter: retryAfter)
        } else if object == nil {
            self = .unavailable(.notJSON, retryAfter: retryAfter)
        } else if let object, error == nil, response.status == 200 {
            self = .success(object)
        } else if let error, let error {
            self = Self.classified(error, status: response.status, endpoint: endpoint, retryAfter: retryAfter)
        } else {
            self = .unavailable(.nonsense, retryAfter: retryAfter)
        }
    }

    /// What "service temporarily unavailable" may mean: an outage (a), or what the caller got wrong (b).
    private static func outage(at endpoint: AccountKitEndpoint) -> ResponseKind {
        switch endpoint {
        case .accessToken, .invalidateAllTokens, .accounts: .outageOrWrongSecret
        case .deleteAccount: .outageOrNoSuchAccount
        case .me, .logout: .serverError
        }
    }

    /// Rules 2 to 7: the provider reports an error of a known shape, with status 200 or 4xx.
    private static func classified(
        _ error: ErrorEnvelope, status: Int, endpoint: AccountKitEndpoint, retryAfter: Duration?
    ) -> ResponseClassification {
        if status == 429 || [4, 17, 32, 341, 613].contains(error.code) { return .busy(retryAfter: retryAfter) }
        if error.isTransient || error.code == 2 { return .unavailable(.transientError, retryAfter: retryAfter) }
        switch error.code {
        case 1:
            let isAboutCode = endpoint == .accessToken && status == 400 || error.message == "Invalid verification code"
            return isAboutCode ? .rejected(.codeRejected) : .unavailable(.transientError, retryAfter: retryAfter)
        case 190, 102:
            return .rejected(.tokenRejected)
        case 100 where error.message.contains("appsecret_proof"):
            if error.message.contains("require") { return .misconfigured(.proofRequired) }
            if error.message.contains("Invalid") { return .rejected(.proofInvalid) }
        default:
            break
        }
        return status == 200 ? .unavailable(.nonsense, retryAfter: retryAfter) : .rejected(.requestRejected)
    }
}

/// The `error` object of an answer (the contract, section 3). Any field may be absent; one of a wrong type makes the answer
/// nonsense, and nothing a token could be refused for.
struct ErrorEnvelope: Sendable, Hashable {
    /// Nil if absent.
    let code: Int64?
    /// Empty if absent. What the provider wrote, so it goes no further than to be compared.
    let message: String
    let isTransient: Bool

    init?(_ value: JSONValue) {
        guard let object = value.object else { return nil }
        switch object.present("code") {
        case nil: code = nil
        case .integer(let number): code = number
        default: return nil
        }
        switch object.present("message") {
        case nil: message = ""
        case .string(let text): message = text
        default: return nil
        }
        switch object.present("is_transient") {
        case nil: isTransient = false
        case .bool(let flag): isTransient = flag
        default: return nil
        }
    }
}

/// How one call to Account Kit ended.
package enum RequestOutcome: Sendable, Hashable {
    case answered(ResponseKind, status: Int)
    case failed(TransportError.Code)
}
