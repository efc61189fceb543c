internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

/// What a call asks: how it is packed, how its answer is read, and whether it may be sent twice.
enum Operation: Sendable, Hashable {
    case verify(VerificationRequest)
    case exchange(ExchangeRequest)
    case revoke(RevocationRequest)
    case listAccounts(AccountListRequest)
    case deleteAccount(AccountDeletionRequest)
    case statistics
    case health(service: String)

    /// Whether sending it again changes nothing. A code is good once, and a lost answer would make the repeat a refusal.
    var mayBeRepeated: Bool {
        switch self {
        case .verify, .revoke, .listAccounts, .deleteAccount, .statistics, .health: true
        case .exchange: false
        }
    }

    /// The method's name, for metrics.
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

    /// Whether an id or a name in it would be cut off on its way, where C strings end at a NUL.
    var holdsNUL: Bool {
        let text: String? =
            switch self {
            case .verify(let request): request.applicationID
            case .exchange(let request): request.applicationID
            case .revoke(let request):
                if case .account(let id) = request.subject { id + (request.applicationID ?? "") } else { request.applicationID }
            case .listAccounts(let request): (request.applicationID ?? "") + (request.after ?? "")
            case .deleteAccount(let request): request.accountID + (request.applicationID ?? "")
            case .statistics: nil
            case .health(let service): service
            }
        return text?.utf8.contains(0) ?? false
    }

    /// Writes its request frame.
    ///
    /// - Parameters:
    ///   - timeout: What is left of the call's time.
    ///   - metadata: What is sent along with it.
    func writeFrame(
        _ streamID: StreamID, timeout: Nanoseconds, metadata: [MetadataEntry], to buffer: inout ByteBuffer
    ) throws(RequestTooLong) {
        if case .verify(let request) = self {
            try RequestEncoder.writeFrame(streamID, request, timeout: timeout, metadata: metadata, to: &buffer)
        } else {
            let data = try packed(timeout: .nanoseconds(Int64(clamping: timeout.count)), metadata: metadata)
            buffer.writeFrame(.request, streamID: streamID, data: data)
        }
    }

    /// The data of its request frame.
    ///
    /// - Parameters:
    ///   - timeout: What is left of the call's time.
    ///   - metadata: What is sent along with it.
    private func packed(timeout: Duration, metadata: [MetadataEntry]) throws(RequestTooLong) -> [UInt8] {
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
    /// - Parameter answer: Where a successful one goes: at once to where it is wanted, for there is much to copy of it.
    func read(_ data: Span<UInt8>, in arena: MessageArena, into answer: inout Answer?) -> Reply {
        switch self {
        case .verify: .nonsense
        case .exchange: Reply(ResponseDecoder.exchange(data, in: arena)) { answer = .exchange($0.token, $0.identity) }
        case .revoke: Reply(ResponseDecoder.revoked(data, in: arena)) { answer = .revoked }
        case .listAccounts: Reply(ResponseDecoder.accounts(data, in: arena)) { answer = .accounts($0) }
        case .deleteAccount: Reply(ResponseDecoder.accountDeleted(data, in: arena)) { answer = .accountDeleted }
        case .statistics: Reply(ResponseDecoder.statistics(data, in: arena)) { answer = .statistics($0) }
        case .health: Reply(ResponseDecoder.healthCheck(data, in: arena)) { answer = .health($0) }
        }
    }
}

/// The successful answer to an ``Operation`` other than a verify, whose is an `Identity`.
enum Answer: Sendable, Hashable {
    case exchange(Token, Identity?)
    case revoked
    case accounts(AccountPage)
    case accountDeleted
    case statistics(ServerStatistics)
    case health(ServingStatus)
}

/// What a response frame said.
enum Reply: Sendable, Hashable {
    /// The answer, which is with its call.
    case success
    /// The server did not start the call and takes no more on this connection.
    case draining(message: String)
    case failure(ResponseDecoder.Status)
    /// Not the message that was expected.
    case nonsense

    init<Value>(
        _ outcome: consuming ResponseDecoder.Outcome<Value>, _ keep: (consuming Value) -> Void
    ) {
        switch consume outcome {
        case .success(let value):
            keep(value)
            self = .success
        case .failure(let status) where status.failure == .draining: self = .draining(message: status.message)
        case .failure(let status): self = .failure(status)
        case .nonsense: self = .nonsense
        }
    }
}
