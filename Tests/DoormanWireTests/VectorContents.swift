import DoormanCore
import DoormanSupport
import DoormanWire
import TestKit
import Testing

// The contents of golden vectors as Doorman's types: the input of encoders, and the expected output of decoders.

/// The contents of a request vector.
enum RequestContents: Hashable {
    case verify(VerificationRequest)
    case exchange(ExchangeRequest)
    case revoke(RevocationRequest)
    case listAccounts(AccountListRequest)
    case deleteAccount(AccountDeletionRequest)
    case statistics
    case healthCheck(String)

    var method: Method {
        switch self {
        case .verify: .verify
        case .exchange: .exchange
        case .revoke: .revoke
        case .listAccounts: .listAccounts
        case .deleteAccount: .deleteAccount
        case .statistics: .statistics
        case .healthCheck: .healthCheck
        }
    }
}

/// The contents of a failure vector.
struct StatusContents: Hashable {
    var code: StatusCode
    var message: String
    var reason: String?
    var retryAfter: Duration?

    var failure: Failure? { Failure(code: code, reason: reason) }
}

extension StatusContents {
    init(_ status: ResponseDecoder.Status) {
        self.init(code: status.code, message: status.message, reason: status.reason, retryAfter: status.retryAfter)
    }
}

extension GoldenVector {
    func number(_ key: String) -> Int64? { self[key].flatMap { Int64($0) } }

    /// Reads a field of bytes: text, or hex digits under a key that ends with `_hex`.
    func octets(_ key: String) -> [UInt8]? {
        guard let digits = self["\(key)_hex"].map({ Array($0) }) else { return self[key].map { Array($0.utf8) } }
        return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0..<$0 + 2]), radix: 16) }
    }

    var timeout: Duration? { number("timeout_nano").map { .nanoseconds($0) } }

    func header(_ type: FrameType) throws -> FrameHeader {
        let streamID = try #require(self["stream_id"].flatMap { UInt32($0) })
        return FrameHeader(length: UInt32(data.count), streamID: StreamID(streamID), type: type)
    }

    func requestContents() throws -> RequestContents {
        let application = self["payload.application_id"]
        let provider = self["payload.provider"]
        switch self["method"] {
        case "Verify":
            let token = Token(bytes: try #require(octets("payload.token")))
            let maxAge = number("payload.max_age_seconds").map { Duration.seconds($0) }
            let requirements = TokenRequirements(
                provider: provider, applicationID: application, scopes: list("payload.required_scopes"))
            var request = VerificationRequest(token: token, requirements: requirements, maxAge: maxAge)
            request.notBefore = octets("payload.not_before").flatMap(RevocationPosition.init(validating:))
            return .verify(request)
        case "Exchange":
            let code = AuthorizationCode(bytes: try #require(octets("payload.code")))
            return .exchange(ExchangeRequest(code: code, provider: provider, applicationID: application))
        case "Revoke":
            if let account = self["payload.account_id"] {
                return .revoke(RevocationRequest(.account(account), provider: provider, applicationID: application))
            }
            let token = Token(bytes: try #require(octets("payload.token")))
            return .revoke(RevocationRequest(.token(token), provider: provider, applicationID: application))
        case "List":
            let size = number("payload.page_size").map { Int($0) } ?? AccountListRequest.defaultPageSize
            return .listAccounts(
                AccountListRequest(
                    provider: provider, applicationID: application, pageSize: size, after: self["payload.after"]))
        case "Delete":
            let account = try #require(self["payload.account_id"])
            return .deleteAccount(AccountDeletionRequest(accountID: account, provider: provider, applicationID: application))
        case "Get": return .statistics
        default:
            #expect(self["method"] == "Check")
            return .healthCheck(self["payload.service"] ?? "")
        }
    }

    /// - Parameter prefix: `payload.`, or `payload.identity.` if the identity is a part of the response.
    func identity(_ prefix: String = "payload.") throws -> Identity {
        var phone: PhoneNumber?
        if let number = self["\(prefix)phone.number"] {
            phone = PhoneNumber(
                number: number, countryPrefix: try #require(self["\(prefix)phone.country_prefix"]),
                nationalNumber: try #require(self["\(prefix)phone.national_number"]))
        }
        let freshness: [String: Freshness] = ["FRESHNESS_FRESH": .fresh, "FRESHNESS_CACHED": .cached]
        var identity = Identity(
            accountID: try #require(self["\(prefix)account_id"]),
            applicationID: try #require(self["\(prefix)application_id"]),
            phone: phone, email: self["\(prefix)email"],
            provider: try #require(self["\(prefix)provider"]),
            verifiedAt: Timestamp(millisecondsSince1970: try #require(number("\(prefix)verified_at_ms")))
        )
        .valid(
            until: Timestamp(millisecondsSince1970: try #require(number("\(prefix)valid_until_ms"))),
            freshness: freshness[try #require(self["\(prefix)freshness"])] ?? .stale)
        let scopes = list("\(prefix)scopes")
        if !scopes.isEmpty { identity.scopes = scopes }
        if let expiry = number("\(prefix)expires_at_ms") { identity.expiresAt = Timestamp(millisecondsSince1970: expiry) }
        if let issuer = self["\(prefix)issuer"] { identity.issuer = issuer }
        if self["\(prefix)email_verified"] == "true" { identity.isEmailVerified = true }
        if self["\(prefix)phone_verified"] == "true" { identity.isPhoneVerified = true }
        while let name = self["\(prefix)claims.\(identity.claims.count).key"] {
            identity.claims[name] = self["\(prefix)claims.\(identity.claims.count).value"]
        }
        return identity
    }

    /// Returns the elements of a repeated field.
    private func list(_ key: String) -> [String] {
        var list: [String] = []
        while let element = self["\(key).\(list.count)"] { list.append(element) }
        return list
    }

    func accountPage() -> AccountPage {
        var accounts: [Account] = []
        while let id = self["payload.accounts.\(accounts.count).account_id"] {
            let prefix = "payload.accounts.\(accounts.count)."
            accounts.append(Account(id: id, phoneNumber: self["\(prefix)phone_number"], email: self["\(prefix)email"]))
        }
        return AccountPage(accounts: accounts, next: self["payload.next"])
    }

    func servingStatus() throws -> ServingStatus {
        switch self["payload.status"] {
        case nil: return .unknown
        case "SERVING": return .serving
        case "NOT_SERVING": return .notServing
        default:
            #expect(self["payload.status"] == "SERVICE_UNKNOWN")
            return .serviceUnknown
        }
    }

    func status() throws -> StatusContents {
        StatusContents(
            code: StatusCode(rawValue: Int32(try #require(number("status.code")))),
            message: try #require(self["status.message"]),
            reason: self["error_info.domain"] == "doorman" ? self["error_info.reason"] : nil,
            retryAfter: number("retry_info.retry_delay_nano").map { .nanoseconds($0) })
    }
}

extension GoldenVector {
    static var requests: [GoldenVector] { get throws { try all(.request) } }

    /// Returns the responses to a method.
    static func responses(to method: String) throws -> [GoldenVector] {
        try all(.response).filter { $0["answers"] == method }
    }
}
