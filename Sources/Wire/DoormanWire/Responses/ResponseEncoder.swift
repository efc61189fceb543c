internal import CDoormanProtos
internal import CProtobufC
package import DoormanCore

/// Encodes responses into the data of response frames.
package enum ResponseEncoder {
    /// `ErrorInfo.domain` of every failure.
    package static let errorDomain = "doorman"

    /// Encodes the response to `Verify`.
    package static func encode(_ verdict: Verdict) -> [UInt8] {
        switch verdict {
        case .valid(let identity): encode(identity)
        case .rejected(let rejection): encode(FailureResponse(rejection))
        case .forbidden(let forbidden): encode(FailureResponse(forbidden))
        }
    }

    /// Encodes a successful response to `Verify`.
    package static func encode(_ identity: Identity) -> [UInt8] {
        unsafe packing { arena, allocator throws(ArenaFull) in
            var message = try unsafe makeIdentity(identity, arena, allocator)
            return unsafe packed(&message, doorman__v1__identity__get_packed_size, doorman__v1__identity__pack)
        }
    }

    /// Encodes the response to `Exchange`.
    package static func encode(_ verdict: ExchangeVerdict) -> [UInt8] {
        guard case .issued(let token, let identity) = verdict else {
            guard case .rejected(let rejection) = verdict else { preconditionFailure("a verdict is neither issued nor rejected") }
            return encode(FailureResponse(rejection))
        }
        return unsafe packing { arena, allocator throws(ArenaFull) in
            var message = unsafe Doorman__V1__ExchangeResponse()
            unsafe doorman__v1__exchange_response__init(&message)
            unsafe message.token = try unsafe arena.data(token.bytes, allocator)
            if let identity {
                unsafe message.identity = try unsafe arena.store(try unsafe makeIdentity(identity, arena, allocator), allocator)
            }
            return unsafe packed(&message, doorman__v1__exchange_response__get_packed_size, doorman__v1__exchange_response__pack)
        }
    }

    /// Encodes the successful response to `Revoke`.
    ///
    /// - Parameter position: The position of the revocation; `nil` if there is no fleet.
    package static func encodeRevoked(_ position: RevocationPosition?) -> [UInt8] {
        unsafe packing { arena, allocator throws(ArenaFull) in
            var message = unsafe Doorman__V1__RevokeResponse()
            unsafe doorman__v1__revoke_response__init(&message)
            unsafe message.position = try unsafe arena.data(position?.bytes ?? [], allocator)
            return unsafe packed(&message, doorman__v1__revoke_response__get_packed_size, doorman__v1__revoke_response__pack)
        }
    }

    /// Maximum bytes of a response that every client accepts (`docs/reference/wire-protocol.md`, section 2).
    package static let longestForEveryClient = 65_536

    /// Encodes the successful response to `List`.
    ///
    /// - Returns: `nil` if it is longer than ``longestForEveryClient``.
    package static func encode(_ page: AccountPage) -> [UInt8]? {
        // Avoids packing a page that is certainly too long.
        let minimumBytes = page.accounts.reduce(0) { sum, account in
            sum + 4 + account.id.utf8.count + (account.phoneNumber?.utf8.count ?? 0) + (account.email?.utf8.count ?? 0)
        }
        guard minimumBytes <= longestForEveryClient else { return nil }
        let data = unsafe packing { arena, allocator throws(ArenaFull) in
            var message = unsafe Doorman__V1__ListAccountsResponse()
            unsafe doorman__v1__list_accounts_response__init(&message)
            var accounts: [UnsafeMutablePointer<Doorman__V1__Account>] = unsafe []
            for account in page.accounts { unsafe accounts.append(try unsafe makeAccount(account, arena, allocator)) }
            unsafe message.n_accounts = accounts.count
            unsafe message.accounts = try unsafe arena.array(accounts, allocator)
            unsafe message.next = try unsafe arena.text(page.next ?? "", allocator)
            return unsafe packed(
                &message, doorman__v1__list_accounts_response__get_packed_size, doorman__v1__list_accounts_response__pack)
        }
        return data.count <= longestForEveryClient ? data : nil
    }

    /// Encodes the successful response to `Delete`.
    package static func encodeAccountDeleted() -> [UInt8] {
        unsafe packing { _, _ throws(ArenaFull) in [] }
    }

    /// Encodes the response to a health check.
    package static func encode(_ status: ServingStatus) -> [UInt8] {
        unsafe packing { _, _ throws(ArenaFull) in
            var message = unsafe Grpc__Health__V1__HealthCheckResponse()
            unsafe grpc__health__v1__health_check_response__init(&message)
            unsafe message.status = Grpc__Health__V1__HealthCheckResponse__ServingStatus(rawValue: status.rawValue)
            return unsafe packed(
                &message, grpc__health__v1__health_check_response__get_packed_size, grpc__health__v1__health_check_response__pack)
        }
    }

    /// Encodes a failure: the code of its row, its message, `ErrorInfo` with the row's reason, and `RetryInfo` with the time to
    /// wait.
    package static func encode(_ failure: FailureResponse) -> [UInt8] {
        let arena = MessageArena()
        return unsafe arena.withAllocator { allocator in
            do {
                var response = unsafe Ttrpc__Response()
                unsafe ttrpc__response__init(&response)
                unsafe response.status = try unsafe arena.store(makeStatus(failure, arena, allocator), allocator)
                return unsafe packed(&response, ttrpc__response__get_packed_size, ttrpc__response__pack)
            } catch {
                preconditionFailure("the message of a failure exceeds the arena")
            }
        }
    }

    /// Packs a method's payload and the `ttrpc.Response` around it.
    static func packing(
        _ payload: (MessageArena, UnsafeMutablePointer<ProtobufCAllocator>) throws(ArenaFull) -> [UInt8]
    ) -> [UInt8] {
        let arena = MessageArena()
        return unsafe arena.withAllocator { allocator in
            do {
                var response = unsafe Ttrpc__Response()
                unsafe ttrpc__response__init(&response)
                unsafe response.payload = try unsafe arena.data(payload(arena, allocator), allocator)
                return unsafe packed(&response, ttrpc__response__get_packed_size, ttrpc__response__pack)
            } catch {
                // Only text from the provider can be that long, and limits on its responses prevent that.
                return encode(FailureResponse(.internal, "The response is too long to be encoded."))
            }
        }
    }
}

/// Makes the message of an identity, in the arena.
func makeIdentity(
    _ identity: Identity, _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> Doorman__V1__Identity {
    var message = unsafe Doorman__V1__Identity()
    unsafe doorman__v1__identity__init(&message)
    unsafe message.account_id = try unsafe arena.text(identity.accountID, allocator)
    unsafe message.application_id = try unsafe arena.text(identity.applicationID, allocator)
    if let phone = identity.phone {
        var phoneMessage = unsafe Doorman__V1__Phone()
        unsafe doorman__v1__phone__init(&phoneMessage)
        unsafe phoneMessage.number = try unsafe arena.text(phone.number, allocator)
        unsafe phoneMessage.country_prefix = try unsafe arena.text(phone.countryPrefix, allocator)
        unsafe phoneMessage.national_number = try unsafe arena.text(phone.nationalNumber, allocator)
        unsafe message.phone = try unsafe arena.store(phoneMessage, allocator)
    }
    if let email = identity.email { unsafe message.email = try unsafe arena.text(email, allocator) }
    unsafe message.provider = try unsafe arena.text(identity.provider, allocator)
    unsafe message.verified_at_ms = identity.verifiedAt.millisecondsSince1970
    unsafe message.valid_until_ms = identity.validUntil.millisecondsSince1970
    unsafe message.freshness = Doorman__V1__Freshness(identity.freshness)
    try unsafe addDetails(of: identity, to: &message, arena, allocator)
    return unsafe message
}

/// Adds the facts that depend on the kind of the provider.
private func addDetails(
    of identity: Identity, to message: inout Doorman__V1__Identity, _ arena: MessageArena,
    _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) {
    guard identity.hasDetails else { return }
    let scopes = identity.scopes
    unsafe message.n_scopes = scopes.count
    unsafe message.scopes = try unsafe arena.texts(scopes, allocator)
    unsafe message.expires_at_ms = identity.expiresAt?.millisecondsSince1970 ?? 0
    if let issuer = identity.issuer { unsafe message.issuer = try unsafe arena.text(issuer, allocator) }
    unsafe message.email_verified = identity.isEmailVerified ? 1 : 0
    unsafe message.phone_verified = identity.isPhoneVerified ? 1 : 0
    // In the order of their names, so that equal identities have equal bytes.
    var claims: [UnsafeMutablePointer<Doorman__V1__Identity__ClaimsEntry>] = unsafe []
    for (name, value) in identity.claims.sorted(by: { $0.key < $1.key }) {
        var entry = unsafe Doorman__V1__Identity__ClaimsEntry()
        unsafe doorman__v1__identity__claims_entry__init(&entry)
        unsafe entry.key = try unsafe arena.text(name, allocator)
        unsafe entry.value = try unsafe arena.text(value, allocator)
        unsafe claims.append(try unsafe arena.store(entry, allocator))
    }
    unsafe message.n_claims = claims.count
    unsafe message.claims = try unsafe arena.array(claims, allocator)
}

private func makeAccount(
    _ account: Account, _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> UnsafeMutablePointer<Doorman__V1__Account> {
    var message = unsafe Doorman__V1__Account()
    unsafe doorman__v1__account__init(&message)
    unsafe message.account_id = try unsafe arena.text(account.id, allocator)
    if let number = account.phoneNumber { unsafe message.phone_number = try unsafe arena.text(number, allocator) }
    if let email = account.email { unsafe message.email = try unsafe arena.text(email, allocator) }
    return try unsafe arena.store(message, allocator)
}

private func makeStatus(
    _ response: FailureResponse, _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> Google__Rpc__Status {
    var status = unsafe Google__Rpc__Status()
    unsafe google__rpc__status__init(&status)
    unsafe status.code = response.failure.row.code.rawValue
    unsafe status.message = try unsafe arena.text(response.message, allocator)
    var details: [UnsafeMutablePointer<Google__Protobuf__Any>] = unsafe []
    if let reason = response.failure.row.reason {
        var info = unsafe Google__Rpc__ErrorInfo()
        unsafe google__rpc__error_info__init(&info)
        unsafe info.reason = try unsafe arena.text(reason, allocator)
        unsafe info.domain = try unsafe arena.text(ResponseEncoder.errorDomain, allocator)
        let value = unsafe packed(&info, google__rpc__error_info__get_packed_size, google__rpc__error_info__pack)
        unsafe details.append(try unsafe makeAny(DetailType.errorInfo, value, arena, allocator))
    }
    if let retryAfter = response.retryAfter {
        var delay = unsafe Google__Protobuf__Duration()
        unsafe google__protobuf__duration__init(&delay)
        unsafe delay.seconds = retryAfter.components.seconds
        unsafe delay.nanos = Int32(retryAfter.components.attoseconds / 1_000_000_000)
        var info = unsafe Google__Rpc__RetryInfo()
        unsafe google__rpc__retry_info__init(&info)
        unsafe info.retry_delay = try unsafe arena.store(delay, allocator)
        let value = unsafe packed(&info, google__rpc__retry_info__get_packed_size, google__rpc__retry_info__pack)
        unsafe details.append(try unsafe makeAny(DetailType.retryInfo, value, arena, allocator))
    }
    unsafe status.n_details = details.count
    unsafe status.details = try unsafe arena.array(details, allocator)
    return unsafe status
}

private func makeAny(
    _ type: String, _ value: [UInt8], _ arena: MessageArena, _ allocator: UnsafeMutablePointer<ProtobufCAllocator>
) throws(ArenaFull) -> UnsafeMutablePointer<Google__Protobuf__Any> {
    var any = unsafe Google__Protobuf__Any()
    unsafe google__protobuf__any__init(&any)
    unsafe any.type_url = try unsafe arena.text(type, allocator)
    unsafe any.value = try unsafe arena.data(value, allocator)
    return try unsafe arena.store(any, allocator)
}

/// The type URLs of `google.rpc.Status.details`.
enum DetailType {
    static let errorInfo = "type.googleapis.com/google.rpc.ErrorInfo"
    static let retryInfo = "type.googleapis.com/google.rpc.RetryInfo"
}

extension Doorman__V1__Freshness {
    fileprivate init(_ freshness: Freshness) {
        self =
            switch freshness {
            case .fresh: DOORMAN__V1__FRESHNESS__FRESHNESS_FRESH
            case .cached: DOORMAN__V1__FRESHNESS__FRESHNESS_CACHED
            case .stale: DOORMAN__V1__FRESHNESS__FRESHNESS_STALE
            }
    }
}
