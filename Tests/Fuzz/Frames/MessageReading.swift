internal import DoormanCore
internal import DoormanSupport
internal import DoormanTracing
internal import DoormanWire
internal import FuzzKit

/// Decodes a frame's data as every kind of message. A decoded message must survive encoding and decoding.
struct MessageReading {
    /// A small arena, so that messages reach its limits.
    private let arena = MessageArena(capacity: 512, budget: 16 << 10)

    func readAll(_ data: [UInt8]) {
        readRequest(data)
        readCanonicalForm(data)
        readEncodedFailure(data)
        readOtherProtocols(data)
        for request in requests(data) {
            guard let again = try? request.encoded() else { continue }
            require(requests(again).contains(request), "a request survives encoding and decoding")
        }
        for response in responses(data) {
            guard let again = response.encoded() else { continue }
            require(responses(again).contains(response), "a response survives encoding and decoding")
        }
        _ = ResponseDecoder.accountDeleted(data.span, in: arena)
        _ = ResponseDecoder.healthCheck(data.span, in: arena)
    }

    /// Checks that a failure that is read in place is the failure that protobuf-c decodes.
    private func readEncodedFailure(_ data: [UInt8]) {
        guard case .failure(let failure) = EncodedResponseView(canonical: data.span) else { return }
        guard case .failure(let status) = ResponseDecoder.revoked(data.span, in: MessageArena()) else {
            require(false, "a canonical failure is a failure to protobuf-c")
            return
        }
        require(failure.code == status.code && failure.retryAfter == status.retryAfter, "code and delay are the same")
        // A reason that is not UTF-8 reads as none in the client.
        require(failure.failure == status.failure || failure.failure == nil && status.reason == nil, "the failure is the same")
    }

    /// Reads the data as messages of Envoy and of gRPC.
    private func readOtherProtocols(_ data: [UInt8]) {
        let isConsistent = arena.withCheckRequest(data.span) { $0.authorizationCount > 0 || $0.authorization.isEmpty }
        require(isConsistent ?? true, "a request without the header has no value of it")
        if let message = try? GRPCMessage.find(in: data.span, maximumLength: 1024) {
            require(message.upperBound == data.count && message.count <= 1024, "a message ends with its body")
        }
        require(GRPCTimeout.parse(data.span).map { $0 >= .zero } ?? true, "a timeout is not negative")
    }

    private func readRequest(_ data: [UInt8]) {
        arena.withRequest(data.span) { request in
            require(request.method == nil || request.namesMethod, "a known method has a name")
            require(request.timeout.map { $0 > .zero } ?? true, "a timeout is above 0")
            _ = request.healthCheckService()
            _ = request.isStatisticsRequest()
        }
    }

    /// Checks that the decoders without protobuf-c give the same results as protobuf-c.
    private func readCanonicalForm(_ data: [UInt8]) {
        if let call = CanonicalVerifyRequest(data.span) {
            // A large arena: a call must be readable by protobuf-c, too.
            let isSame = MessageArena().withRequest(data.span) { request in
                request.method == .verify && request.timeout == call.fields(in: data.span).timeout
                    && request.withVerifyRequest { fields in
                        copy(fields.token) == Array(data[call.token])
                            && copy(fields.applicationID) == Array(data[call.applicationID])
                            && fields.maxAgeSeconds == call.maxAgeSeconds && fields.timeout == request.timeout
                            && !fields.hasFurtherRequirements
                    } == true
            }
            require(isSame == true, "a canonical Verify is the call that protobuf-c decodes")
        }
        if let fields = TraceFields(canonicalRequest: data.span) {
            require(MessageArena().unpackedTraceFields(of: data.span) == fields, "trace fields are those that protobuf-c decodes")
        }
        guard case .success(let identity) = ResponseDecoder.identity(data.span, in: arena) else { return }
        var unpacked: Identity?
        if case .success(let read) = ResponseDecoder.unpackedIdentity(data.span, in: MessageArena()) { unpacked = read }
        require(identity == unpacked, "an identity is the identity that protobuf-c decodes")
    }

    /// Decodes the payload as each kind of request, whatever its method is.
    private func requests(_ data: [UInt8]) -> [ReadRequest] {
        arena.withRequest(data.span) { request in
            [
                request.verificationRequest().map(ReadRequest.verify),
                request.exchangeRequest(caller: nil).map(ReadRequest.exchange),
                request.revocationRequest(caller: .unknown).map(ReadRequest.revoke),
                request.accountListRequest(caller: nil).map(ReadRequest.list),
                request.accountDeletionRequest(caller: .unknown).map(ReadRequest.delete),
            ].compactMap(\.self)
        } ?? []
    }

    private func responses(_ data: [UInt8]) -> [ReadResponse] {
        var responses: [ReadResponse] = []
        if case .success(let identity) = ResponseDecoder.identity(data.span, in: arena) { responses.append(.identity(identity)) }
        if case .success(let (token, identity)) = ResponseDecoder.exchange(data.span, in: arena) {
            responses.append(.issued(token, identity))
        }
        if case .success(let position) = ResponseDecoder.revoked(data.span, in: arena) { responses.append(.revoked(position)) }
        if case .success(let page) = ResponseDecoder.accounts(data.span, in: arena) { responses.append(.page(page)) }
        if case .success(let statistics) = ResponseDecoder.statistics(data.span, in: arena) {
            responses.append(.statistics(statistics))
        }
        return responses
    }
}

private enum ReadRequest: Hashable {
    case verify(VerificationRequest)
    case exchange(ExchangeRequest)
    case revoke(RevocationRequest)
    case list(AccountListRequest)
    case delete(AccountDeletionRequest)

    func encoded() throws -> [UInt8] {
        switch self {
        case .verify(let request): try RequestEncoder.encode(request, timeout: nil)
        case .exchange(let request): try RequestEncoder.encode(request, timeout: nil)
        case .revoke(let request): try RequestEncoder.encode(request, timeout: nil)
        case .list(let request): try RequestEncoder.encode(request, timeout: nil)
        case .delete(let request): try RequestEncoder.encode(request, timeout: nil)
        }
    }
}

private enum ReadResponse: Hashable {
    case identity(Identity)
    case issued(Token, Identity?)
    case revoked(RevocationPosition?)
    case page(AccountPage)
    case statistics(ServerStatistics)

    func encoded() -> [UInt8]? {
        switch self {
        case .identity(let identity): ResponseEncoder.encode(identity)
        case .issued(let token, let identity): ResponseEncoder.encode(ExchangeVerdict.issued(token, identity))
        case .revoked(let position): ResponseEncoder.encodeRevoked(position)
        case .page(let page): ResponseEncoder.encode(page)
        case .statistics(let statistics): ResponseEncoder.encode(statistics)
        }
    }
}

extension RequestView {
    fileprivate func verificationRequest() -> VerificationRequest? {
        withVerifyRequest { fields in
            let name = String(validating: copy(fields.applicationID), as: UTF8.self)
            let (token, maxAgeSeconds) = (Token(bytes: copy(fields.token)), fields.maxAgeSeconds)
            let position = RevocationPosition(validating: copy(fields.notBefore))
            return name.map { name in
                var request = VerificationRequest(
                    token: token, applicationID: name.isEmpty ? nil : name,
                    maxAge: maxAgeSeconds == 0 ? nil : .seconds(Int64(maxAgeSeconds)))
                request.notBefore = position
                return request
            }
        } ?? nil
    }
}

private func copy(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }
