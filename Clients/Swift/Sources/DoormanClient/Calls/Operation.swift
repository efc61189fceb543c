internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

/// A call's method and request: encodes the request, decodes the response, and knows whether the call may be sent twice.
enum Operation: Sendable, Hashable {
    case verify(VerificationRequest)
    case exchange(ExchangeRequest)
    case revoke(RevocationRequest)
    case listAccounts(AccountListRequest)
    case deleteAccount(AccountDeletionRequest)
    case statistics
    case health(service: String)

    /// Whether the call is idempotent. An exchange is not: a code works once, so that a repeated exchange is rejected.
    var mayBeRepeated: Bool {
        switch self {
        case .verify, .revoke, .listAccounts, .deleteAccount, .statistics, .health: true
        case .exchange: false
        }
    }

    /// The method, which names the call in metrics.
    var method: Method {
        switch self {
        case .verify: .verify
        case .exchange: .exchange
        case .revoke: .revoke
        case .listAccounts: .listAccounts
        case .deleteAccount: .deleteAccount
        case .statistics: .statistics
        case .health: .healthCheck
        }
    }

    /// The error of an ID or name that no call can have: it is empty, or contains a NUL byte, at which a C string ends. `nil` if all can be
    /// sent.
    var nameError: DoormanError? {
        if holdsNUL { .textWithNUL } else if holdsEmptyName { .emptyName } else { nil }
    }

    private var holdsEmptyName: Bool {
        switch self {
        case .verify(let request): request.target.holdsEmptyName
        case .exchange(let request): request.target.holdsEmptyName
        case .revoke(let request):
            if case .account("") = request.subject { true } else { request.target.holdsEmptyName }
        case .listAccounts(let request): request.target.holdsEmptyName
        case .deleteAccount(let request): request.target.holdsEmptyName || request.accountID.isEmpty
        case .statistics, .health: false
        }
    }

    private var holdsNUL: Bool {
        switch self {
        case .verify(let request):
            // Not a list of them all, because the most frequent call must not allocate one.
            request.target.holdsNUL || request.requiredScopes.contains(where: \.holdsNUL)
        case .exchange(let request): request.target.holdsNUL
        case .revoke(let request):
            if case .account(let id) = request.subject { id.holdsNUL || request.target.holdsNUL } else { request.target.holdsNUL }
        case .listAccounts(let request): request.target.holdsNUL || request.after?.holdsNUL ?? false
        case .deleteAccount(let request): request.target.holdsNUL || request.accountID.holdsNUL
        case .statistics: false
        case .health(let service): service.holdsNUL
        }
    }

    /// Writes the request frame.
    ///
    /// - Parameters:
    ///   - timeout: The time left until the call's deadline.
    ///   - metadata: The metadata of the request.
    func writeFrame(
        _ streamID: StreamID, timeout: Nanoseconds, metadata: [MetadataEntry], to buffer: inout ByteBuffer
    ) throws(RequestTooLong) {
        if case .verify(let request) = self {
            try RequestEncoder.writeFrame(streamID, request, timeout: timeout, metadata: metadata, to: &buffer)
        } else {
            let data = try encoded(timeout: .nanoseconds(Int64(clamping: timeout.count)), metadata: metadata)
            buffer.writeFrame(.request, streamID: streamID, data: data)
        }
    }

    /// Returns the data of the request frame.
    ///
    /// - Parameters:
    ///   - timeout: The time left until the call's deadline.
    ///   - metadata: The metadata of the request.
    private func encoded(timeout: Duration, metadata: [MetadataEntry]) throws(RequestTooLong) -> [UInt8] {
        switch self {
        case .verify(let request): try RequestEncoder.encode(request, timeout: timeout, metadata: metadata)
        case .exchange(let request): try RequestEncoder.encode(request, timeout: timeout, metadata: metadata)
        case .revoke(let request): try RequestEncoder.encode(request, timeout: timeout, metadata: metadata)
        case .listAccounts(let request): try RequestEncoder.encode(request, timeout: timeout, metadata: metadata)
        case .deleteAccount(let request): try RequestEncoder.encode(request, timeout: timeout, metadata: metadata)
        case .statistics: try RequestEncoder.encodeStatistics(timeout: timeout, metadata: metadata)
        case .health(let service): try RequestEncoder.encodeHealthCheck(service: service, timeout: timeout, metadata: metadata)
        }
    }

    /// Reads the data of a response frame to any call but a verify.
    ///
    /// - Parameter response: Receives a successful response. It is written in place, because a copy of it is expensive.
    func read(_ data: Span<UInt8>, in arena: MessageArena, into response: inout CallResponse?) -> Reply {
        switch self {
        case .verify: .malformed
        case .exchange: Reply(ResponseDecoder.exchange(data, in: arena)) { response = .exchange($0.token, $0.identity) }
        case .revoke: Reply(ResponseDecoder.revoked(data, in: arena)) { response = .revoked($0) }
        case .listAccounts: Reply(ResponseDecoder.accounts(data, in: arena)) { response = .accounts($0) }
        case .deleteAccount: Reply(ResponseDecoder.accountDeleted(data, in: arena)) { response = .accountDeleted }
        case .statistics: Reply(ResponseDecoder.statistics(data, in: arena)) { response = .statistics($0) }
        case .health: Reply(ResponseDecoder.healthCheck(data, in: arena)) { response = .health($0) }
        }
    }
}

/// The successful response to an ``Operation`` other than a verify. The response to a verify is an `Identity`.
enum CallResponse: Sendable, Hashable {
    case exchange(Token, Identity?)
    case revoked(RevocationPosition?)
    case accounts(AccountPage)
    case accountDeleted
    case statistics(ServerStatistics)
    case health(ServingStatus)
}

/// The contents of a response frame.
enum Reply: Sendable, Hashable {
    /// The response is stored in the call.
    case success
    /// The server did not start the call and takes no more on this connection.
    case draining(message: String)
    case failure(ResponseDecoder.Status)
    /// The frame does not hold the expected message.
    case malformed
    /// The frame is longer than the client's limit, and was skipped.
    case tooLong(UInt32)

    init<Value>(
        _ outcome: consuming ResponseDecoder.Outcome<Value>, _ keep: (consuming Value) -> Void
    ) {
        switch consume outcome {
        case .success(let value):
            keep(value)
            self = .success
        case .failure(let status) where status.failure == .draining: self = .draining(message: status.message)
        case .failure(let status): self = .failure(status)
        case .malformed: self = .malformed
        }
    }
}

extension ProviderTarget {
    fileprivate var holdsEmptyName: Bool { provider?.isEmpty ?? false || applicationID?.isEmpty ?? false }
    fileprivate var holdsNUL: Bool { provider?.holdsNUL ?? false || applicationID?.holdsNUL ?? false }
}

extension String {
    fileprivate var holdsNUL: Bool { utf8.contains(0) }
}
