internal import CDoormanProtos
private import CProtobufC
package import DoormanCore

/// Decodes the data of response frames.
package enum ResponseDecoder {
    /// The status of a failure.
    package struct Status: Error, Sendable, Hashable {
        package let code: StatusCode
        package let message: String
        /// `ErrorInfo.reason`, if its domain is Doorman's.
        package let reason: String?
        /// `RetryInfo.retry_delay`.
        package let retryAfter: Duration?

        /// The failure of the contract; `nil` if this version does not know it.
        package var failure: Failure? { Failure(code: code, reason: reason) }
    }

    /// The result of decoding a response.
    package enum Outcome<Value: Sendable>: Sendable {
        case success(Value)
        case failure(Status)
        /// The data is not the expected response.
        case malformed
    }

    /// Decodes the response to `Verify`.
    package static func identity(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<Identity> {
        if let identity = Identity(canonicalResponse: data) { return .success(identity) }
        return unpackedIdentity(data, in: arena)
    }

    /// Decodes the response to `Verify` with protobuf-c only, for callers that have tried the canonical form.
    package static func unpackedIdentity(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<Identity> {
        decode(data, in: arena) { payload in
            unsafe arena.value(in: payload, doorman__v1__identity__unpack) { unsafe Identity($0) }
        }
    }

    /// Checks that a response to `Verify` holds an identity, without unpacking it.
    package static func isIdentity(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<Void> {
        var response = CanonicalFieldReader(in: data.indices)
        let payload = response.bytes(2, in: data)
        if response.isComplete, !payload.isEmpty { return .success(()) }
        return decode(data, in: arena) { payload in payload.isEmpty ? nil : () }
    }

    /// Decodes the response to `Exchange`.
    package static func exchange(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<(token: Token, identity: Identity?)> {
        decode(data, in: arena) { payload in
            unsafe arena.value(in: payload, doorman__v1__exchange_response__unpack) { message in
                let token = Token(bytes: unsafe bytes(message.pointee.token))
                guard !token.bytes.isEmpty else { return nil }
                guard let identity = unsafe message.pointee.identity else { return (token, nil) }
                guard let identity = unsafe Identity(identity) else { return nil }
                return (token, identity)
            }
        }
    }

    /// Decodes the response to `Revoke`: the position of the revocation, or `nil` if the server has no fleet. A position that is too long
    /// makes the response malformed.
    package static func revoked(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<RevocationPosition?> {
        decode(data, in: arena) { payload -> RevocationPosition?? in
            unsafe arena.value(in: payload, doorman__v1__revoke_response__unpack) { message -> RevocationPosition?? in
                let position = unsafe bytes(message.pointee.position)
                guard !position.isEmpty else { return .some(nil) }
                return RevocationPosition(validating: position).map { .some($0) }
            }
        }
    }

    /// Decodes the response to `List`.
    package static func accounts(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<AccountPage> {
        decode(data, in: arena) { payload in
            unsafe arena.value(in: payload, doorman__v1__list_accounts_response__unpack) { unsafe AccountPage($0) }
        }
    }

    /// Decodes the response to `Delete`.
    package static func accountDeleted(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<Void> {
        decode(data, in: arena) { payload in
            unsafe arena.withUnpacked(payload, doorman__v1__delete_account_response__unpack) { _ in }
        }
    }

    /// Decodes the response to a health check. A status that this version does not know reads as `unknown`.
    package static func healthCheck(_ data: Span<UInt8>, in arena: MessageArena) -> Outcome<ServingStatus> {
        decode(data, in: arena) { payload in
            unsafe arena.withUnpacked(payload, grpc__health__v1__health_check_response__unpack) { message in
                ServingStatus(rawValue: unsafe message.pointee.status.rawValue) ?? .unknown
            }
        }
    }

    static func decode<Value: Sendable>(
        _ data: Span<UInt8>, in arena: MessageArena, _ payload: (Span<UInt8>) -> Value?
    ) -> Outcome<Value> {
        unsafe arena.withUnpacked(data, ttrpc__response__unpack) { response -> Outcome<Value> in
            if let status = unsafe response.pointee.status, unsafe status.pointee.code != StatusCode.ok.rawValue {
                return .failure(unsafe Status(status, in: arena))
            }
            let bytes = unsafe UnsafeBufferPointer(
                start: response.pointee.payload.data, count: response.pointee.payload.len)
            guard let value = payload(unsafe bytes.span) else { return .malformed }
            return .success(value)
        } ?? .malformed
    }
}

extension Duration {
    /// The delay that a server asks for; `nil` if it is negative or longer than a day: no server of ours asks for that, and a sum of such
    /// delays could overflow.
    init?(retryDelay seconds: Int64, nanoseconds: Int64) {
        guard (0...86_400).contains(seconds), (0..<1_000_000_000).contains(nanoseconds) else { return nil }
        self = .seconds(seconds) + .nanoseconds(nanoseconds)
    }
}

extension ResponseDecoder.Status {
    fileprivate init(_ status: UnsafeMutablePointer<Google__Rpc__Status>, in arena: MessageArena) {
        var reason: String?
        var retryAfter: Duration?
        for index in unsafe 0..<status.pointee.n_details {
            guard let detail = unsafe status.pointee.details[index] else { continue }
            let type = unsafe optionalText(detail.pointee.type_url)
            let value = unsafe UnsafeBufferPointer(start: detail.pointee.value.data, count: detail.pointee.value.len)
            if type == DetailType.errorInfo {
                unsafe arena.withUnpacked(value.span, google__rpc__error_info__unpack) { info in
                    guard unsafe optionalText(info.pointee.domain) == ResponseEncoder.errorDomain else { return }
                    reason = unsafe optionalText(info.pointee.reason)
                }
            } else if type == DetailType.retryInfo {
                unsafe arena.withUnpacked(value.span, google__rpc__retry_info__unpack) { info in
                    guard let delay = unsafe info.pointee.retry_delay else { return }
                    retryAfter = Duration(
                        retryDelay: unsafe delay.pointee.seconds, nanoseconds: Int64(unsafe delay.pointee.nanos))
                }
            }
        }
        self.init(
            code: StatusCode(rawValue: unsafe status.pointee.code),
            message: unsafe optionalText(status.pointee.message) ?? "",
            reason: reason, retryAfter: retryAfter)
    }
}

extension Identity {
    /// `nil` if the message lacks a required field, or a text is not UTF-8.
    init?(_ message: UnsafeMutablePointer<Doorman__V1__Identity>) {
        guard let accountID = unsafe optionalText(message.pointee.account_id), !accountID.isEmpty,
            let applicationID = unsafe optionalText(message.pointee.application_id),
            let email = unsafe optionalText(message.pointee.email),
            let provider = unsafe optionalText(message.pointee.provider)
        else { return nil }
        var phone: PhoneNumber?
        if let part = unsafe message.pointee.phone {
            guard let number = unsafe optionalText(part.pointee.number),
                let countryPrefix = unsafe optionalText(part.pointee.country_prefix),
                let nationalNumber = unsafe optionalText(part.pointee.national_number)
            else { return nil }
            phone = PhoneNumber(number: number, countryPrefix: countryPrefix, nationalNumber: nationalNumber)
        }
        self.init(
            accountID: accountID, applicationID: applicationID, phone: phone, email: email.isEmpty ? nil : email,
            provider: provider,
            verifiedAt: Timestamp(millisecondsSince1970: unsafe message.pointee.verified_at_ms))
        self.validUntil = Timestamp(millisecondsSince1970: unsafe message.pointee.valid_until_ms)
        self.freshness = Freshness(wire: unsafe UInt32(truncatingIfNeeded: message.pointee.freshness.rawValue))
        guard unsafe readDetails(message) else { return nil }
    }

    /// Reads the facts that depend on the kind of the provider.
    ///
    /// - Returns: Whether all texts are UTF-8.
    private mutating func readDetails(_ message: UnsafeMutablePointer<Doorman__V1__Identity>) -> Bool {
        guard let scopes = unsafe optionalTexts(message.pointee.scopes, count: message.pointee.n_scopes),
            let issuer = unsafe optionalText(message.pointee.issuer)
        else { return false }
        var claims: [String: String] = [:]
        for index in unsafe 0..<message.pointee.n_claims {
            guard let entry = unsafe message.pointee.claims[index], let name = unsafe optionalText(entry.pointee.key),
                let value = unsafe optionalText(entry.pointee.value)
            else { return false }
            claims[name] = value
        }
        if !scopes.isEmpty { self.scopes = scopes }
        if !issuer.isEmpty { self.issuer = issuer }
        if !claims.isEmpty { self.claims = claims }
        let expiry = unsafe message.pointee.expires_at_ms
        if expiry != 0 { expiresAt = Timestamp(millisecondsSince1970: expiry) }
        if unsafe message.pointee.email_verified != 0 { isEmailVerified = true }
        if unsafe message.pointee.phone_verified != 0 { isPhoneVerified = true }
        return true
    }
}

extension AccountPage {
    /// `nil` if an account has no id, or a text is not UTF-8.
    fileprivate init?(_ message: UnsafeMutablePointer<Doorman__V1__ListAccountsResponse>) {
        guard let next = unsafe optionalText(message.pointee.next) else { return nil }
        var accounts: [Account] = []
        for index in unsafe 0..<message.pointee.n_accounts {
            guard let part = unsafe message.pointee.accounts[index], let id = unsafe optionalText(part.pointee.account_id),
                !id.isEmpty, let number = unsafe optionalText(part.pointee.phone_number),
                let email = unsafe optionalText(part.pointee.email)
            else { return nil }
            accounts.append(
                Account(id: id, phoneNumber: number.isEmpty ? nil : number, email: email.isEmpty ? nil : email))
        }
        self.init(accounts: accounts, next: next.isEmpty ? nil : next)
    }
}

extension Freshness {
    /// A value that this version does not know counts as stale.
    init(wire value: UInt32) {
        self =
            switch value {
            case DOORMAN__V1__FRESHNESS__FRESHNESS_FRESH.rawValue: .fresh
            case DOORMAN__V1__FRESHNESS__FRESHNESS_CACHED.rawValue: .cached
            default: .stale
            }
    }
}
