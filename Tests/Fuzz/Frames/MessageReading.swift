internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit

/// Reads a frame's data as every message there is. What can be read is written again, and must then read the same.
struct MessageReading {
    /// Small, so that messages meet its end.
    private let arena = MessageArena(capacity: 512, budget: 16 << 10)

    func readAll(_ data: [UInt8]) {
        readRequest(data)
        readPlainForm(data)
        for request in requests(data) {
            guard let again = try? request.encoded() else { continue }
            require(requests(again).contains(request), "a request that was read reads the same once written")
        }
        for answer in answers(data) {
            guard let again = answer.encoded() else { continue }
            require(answers(again).contains(answer), "an answer that was read reads the same once written")
        }
        _ = ResponseDecoder.revoked(data.span, in: arena)
        _ = ResponseDecoder.accountDeleted(data.span, in: arena)
        _ = ResponseDecoder.healthCheck(data.span, in: arena)
    }

    private func readRequest(_ data: [UInt8]) {
        arena.withRequest(data.span) { request in
            require(request.method == nil || request.namesMethod, "a method that is known is named")
            require(request.timeout.map { $0 > .zero } ?? true, "a time to wait is more than none")
            _ = request.healthCheckService()
            _ = request.isStatisticsRequest()
        }
    }

    /// What is read without protobuf-c reads the same with it.
    private func readPlainForm(_ data: [UInt8]) {
        if let call = CanonicalVerifyRequest(data.span) {
            // With room for all that fits into an input: what can't be read at all must not be a call either.
            let isSame = MessageArena().withRequest(data.span) { request in
                request.method == .verify && request.timeout == call.fields(in: data.span).timeout
                    && request.withVerifyRequest { fields in
                        copy(fields.token) == Array(data[call.token])
                            && copy(fields.applicationID) == Array(data[call.applicationID])
                            && fields.maxAgeSeconds == call.maxAgeSeconds && fields.timeout == request.timeout
                    } == true
            }
            require(isSame == true, "a plain verify is the call that protobuf-c reads")
        }
        guard case .success(let identity) = ResponseDecoder.identity(data.span, in: arena) else { return }
        var unpacked: Identity?
        if case .success(let read) = ResponseDecoder.unpackedIdentity(data.span, in: MessageArena()) { unpacked = read }
        require(identity == unpacked, "an identity is the one that protobuf-c reads")
    }

    /// The payload as each of the requests, whatever its method is.
    private func requests(_ data: [UInt8]) -> [ReadRequest] {
        arena.withRequest(data.span) { request in
            [
                request.verificationRequest().map(ReadRequest.verify),
                request.exchangeRequest().map(ReadRequest.exchange),
                request.revocationRequest().map(ReadRequest.revoke),
                request.accountListRequest().map(ReadRequest.list),
                request.accountDeletionRequest().map(ReadRequest.delete),
            ].compactMap(\.self)
        } ?? []
    }

    private func answers(_ data: [UInt8]) -> [ReadAnswer] {
        var answers: [ReadAnswer] = []
        if case .success(let identity) = ResponseDecoder.identity(data.span, in: arena) { answers.append(.identity(identity)) }
        if case .success(let (token, identity)) = ResponseDecoder.exchange(data.span, in: arena) {
            answers.append(.issued(token, identity))
        }
        if case .success(let page) = ResponseDecoder.accounts(data.span, in: arena) { answers.append(.page(page)) }
        if case .success(let statistics) = ResponseDecoder.statistics(data.span, in: arena) {
            answers.append(.statistics(statistics))
        }
        return answers
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

private enum ReadAnswer: Hashable {
    case identity(Identity)
    case issued(Token, Identity?)
    case page(AccountPage)
    case statistics(ServerStatistics)

    func encoded() -> [UInt8]? {
        switch self {
        case .identity(let identity): ResponseEncoder.encode(identity)
        case .issued(let token, let identity): ResponseEncoder.encode(ExchangeVerdict.issued(token, identity))
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
            return name.map { name in
                VerificationRequest(
                    token: token, applicationID: name.isEmpty ? nil : name,
                    maxAge: maxAgeSeconds == 0 ? nil : .seconds(Int64(maxAgeSeconds)))
            }
        } ?? nil
    }
}

private func copy(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }
