internal import DoormanCore
internal import DoormanSupport
internal import GraphAPI
internal import ProviderHTTP
internal import StrictJSON

/// The body of a successful `debug_token`: what a token is.
struct DebugTokenResponse: Sendable {
    /// The end of the year 9999, in seconds.
    private static let latest: Int64 = 253_402_300_799

    let isValid: Bool
    /// `nil` if absent.
    let applicationID: String?
    /// `USER`, `APP` or `PAGE`. `nil` if absent.
    let type: String?
    /// `nil` if absent.
    let userID: String?
    let expiry: Expiry
    let scopes: Result<[String], IdentityLimit>
    /// Whether the response has an error, which belongs to an invalid token only.
    let hasError: Bool

    /// The end of a token.
    enum Expiry: Sendable, Hashable {
        case at(Timestamp)
        /// `expires_at` is 0.
        case never
        /// `expires_at` is absent.
        case unknown
    }

    /// - Returns: `nil` if a field is of a wrong type.
    init?(_ body: [String: JSONValue]) {
        guard let data = body["data"]?.object, case .bool(let isValid)? = data["is_valid"],
            let applicationID = Self.id(data, "app_id"),
            let userID = Self.id(data, "user_id"), let expiry = Self.expiry(data.present("expires_at"))
        else { return nil }
        let type = data.present("type")
        guard type == nil || type?.string != nil else { return nil }
        self.isValid = isValid
        self.applicationID = applicationID
        self.type = type?.string
        self.userID = userID
        self.expiry = expiry
        // Facebook sends a list, and nothing else counts.
        scopes = Result { () throws(IdentityLimit) in try ScopeList.parse(data["scopes"]?.array.map { .array($0) }) }
        hasError = data.present("error") != nil
    }

    /// An id is a text of digits, or a number as in older versions. `nil` for anything else, and `.some(nil)` if it is absent.
    private static func id(_ data: [String: JSONValue], _ name: String) -> String?? {
        switch data.present(name) {
        case nil: return .some(nil)
        case .string(let text): return DecimalDigits.areAll(text, upTo: 64) ? .some(text) : nil
        case .integer(let number): return number > 0 ? .some("\(number)") : nil
        default: return nil
        }
    }

    private static func expiry(_ value: JSONValue?) -> Expiry? {
        switch value {
        case nil: return .unknown
        case .integer(0): return .never
        case .integer(let seconds):
            guard (1...latest).contains(seconds) else { return nil }
            return .at(Timestamp(millisecondsSince1970: seconds * 1000))
        default: return nil
        }
    }
}

extension ResponseClassification {
    /// Looks for the error in a `debug_token` response that says that a token is invalid.
    ///
    /// Only an error about the token is a rejection. An error that Facebook does not document is *unavailable*.
    func lookingIntoDebuggedToken() -> ResponseClassification {
        guard case .success(let body) = self else { return self }
        guard let data = body["data"]?.object, case .bool(let isValid)? = data["is_valid"] else {
            return .unavailable(.malformed, retryAfter: nil)
        }
        guard !isValid, let error = data.present("error") else { return self }
        guard let envelope = ErrorEnvelope(error) else { return .unavailable(.malformed, retryAfter: nil) }
        return ResponseClassification(ofInvalidToken: envelope)
    }
}
