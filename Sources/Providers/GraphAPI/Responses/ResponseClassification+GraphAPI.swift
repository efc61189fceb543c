package import ProviderHTTP
internal import StrictJSON

extension ResponseClassification {
    /// Classifies a response of the Graph API by the first rule that matches (Account Kit's contract, section 3).
    ///
    /// A rejection is recognized positively: an unknown error is *unavailable*, since a rejection logs a user out.
    package init(_ response: HTTPResponse, about subject: GraphSubject) {
        let retryAfter = RetryAfter.duration(in: response.headers)
        let object = JSONValue(bytes: response.body)?.object
        let error = object?["error"]
        let envelope = error.flatMap(ErrorEnvelope.init)
        if response.status == 429 || envelope?.isLimit == true {
            self = .busy(retryAfter: retryAfter)
        } else if response.status >= 500 {
            let isAmbiguous = response.status == 500 && envelope?.code == 2
            self = .unavailable(isAmbiguous ? Self.outage(of: subject) : .serverError, retryAfter: retryAfter)
        } else if [408, 421, 425, 431].contains(response.status) || response.status != 200 && !(400..<500).contains(response.status)
        {
            self = .unavailable(.unexpectedStatus, retryAfter: retryAfter)
        } else if object == nil {
            self = .unavailable(.notJSON, retryAfter: retryAfter)
        } else if let object, error == nil, response.status == 200 {
            self = .success(object)
        } else if let envelope {
            self = Self.classified(envelope, response.headers, subject, retryAfter: retryAfter)
        } else {
            self = .unavailable(.malformed, retryAfter: retryAfter)
        }
    }

    /// Classifies the error inside a successful response that says that a token is invalid (`debug_token`).
    package init(ofInvalidToken error: ErrorEnvelope) {
        if error.isLimit {
            self = .busy(retryAfter: nil)
        } else if error.isTransient || error.code == 2 {
            self = .unavailable(.transientError, retryAfter: nil)
        } else if error.code == 100, error.isAboutAnotherApplication {
            self = .rejected(.otherApplication)
        } else if [190, 102].contains(error.code), !error.isAboutApplication {
            self = .rejected(.tokenRejected)
        } else {
            self = .unavailable(.unexpectedError, retryAfter: nil)
        }
    }

    /// The kind of "service temporarily unavailable", which an outage causes, or an error of ours in the request.
    private static func outage(of subject: GraphSubject) -> ResponseKind {
        switch subject {
        case .code, .application: .outageOrWrongSecret
        case .deletion: .outageOrNoSuchAccount
        // Facebook Login tells a wrong secret by code 190.
        case .userToken, .inspection: .serverError
        }
    }

    /// Applies rules 3 to 8 to a well-formed error with status 200 or 4xx.
    private static func classified(
        _ error: ErrorEnvelope, _ headers: HTTPHeaders, _ subject: GraphSubject, retryAfter: Duration?
    ) -> ResponseClassification {
        if error.isTransient || error.code == 2 { return .unavailable(.transientError, retryAfter: retryAfter) }
        switch error.code ?? 0 {
        case 1 where subject == .code && error.message == "Invalid verification code",
            100 where subject == .code && error.message == "This authorization code has been used":
            return .rejected(.codeRejected)
        case 100 where subject == .inspection && error.isAboutAnotherApplication:
            return .rejected(.otherApplication)
        case 190, 102:
            return judged(error, headers, subject, retryAfter: retryAfter)
        case 100 where error.message.contains("appsecret_proof"):
            if error.message.contains("require") { return .misconfigured(.proofRequired) }
            if error.message.contains("Invalid") { return .rejected(.proofInvalid) }
        case 3, 10, 12, 101, 104, 200...299, 2500:
            return .misconfigured(.configurationRejected)
        default:
            break
        }
        return .unavailable(.unexpectedError, retryAfter: retryAfter)
    }

    /// Classifies an error about an access token: the user's, or the application's own.
    private static func judged(
        _ error: ErrorEnvelope, _ headers: HTTPHeaders, _ subject: GraphSubject, retryAfter: Duration?
    ) -> ResponseClassification {
        let isAboutToken =
            switch subject {
            case .userToken: !error.isAboutApplication
            case .inspection, .code, .application, .deletion: false
            }
        guard isAboutToken else { return .misconfigured(.configurationRejected) }
        let saysSo =
            ["OAuthException", "EMApiException"].contains(error.type)
            || headers["WWW-Authenticate"]?.contains("invalid_token") == true
        return saysSo ? .rejected(.tokenRejected) : .unavailable(.unexpectedError, retryAfter: retryAfter)
    }
}

extension ErrorEnvelope {
    /// Whether a token that a request asks about belongs to another application than the app token.
    fileprivate var isAboutAnotherApplication: Bool { message.contains("did not match the Viewing App") }

    /// Whether the provider does not know the application of a token.
    fileprivate var isAboutApplication: Bool { message.hasPrefix("Error validating application") }

    /// Whether the application exceeds a limit of the provider.
    fileprivate var isLimit: Bool { [4, 17, 32, 341, 613].contains(code) }
}
