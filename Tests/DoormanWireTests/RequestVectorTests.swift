import DoormanCore
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit
import Testing

@Suite("The requests of the golden vectors")
struct RequestVectorTests {
    @Test(
        "the client encodes each request into exactly the vector's bytes", arguments: try GoldenVector.requests.filter(\.roundTrips)
    )
    func clientEncodes(_ vector: GoldenVector) throws {
        let data = try encode(try vector.requestContents(), timeout: vector.timeout)
        #expect(data == vector.data)
        var frame = ByteBuffer()
        frame.writeFrame(.request, streamID: try vector.header(.request).streamID, data: data)
        #expect(Array(frame.readableBytesView) == vector.bytes)
    }

    @Test("the server reads the contents of each vector", arguments: try GoldenVector.requests)
    func serverDecodes(_ vector: GoldenVector) throws {
        let arena = MessageArena()
        let read = arena.withRequest(vector.data.span) { request in
            (method: request.method, contents: decode(request), timeout: request.timeout, isNamed: request.namesMethod)
        }
        let request = try #require(read)
        let contents = try vector.requestContents()
        #expect(request.contents == contents)
        #expect(request.method == contents.method)
        #expect(request.timeout == vector.timeout)
        #expect(request.isNamed)
    }

    @Test("each vector is one frame with the stated header", arguments: try GoldenVector.requests)
    func isOneFrame(_ vector: GoldenVector) throws {
        var decoder = FrameDecoder(maximumLength: 65536)
        decoder.append(ByteBuffer(bytes: vector.bytes))
        #expect(decoder.next() == .frame(try vector.header(.request)))
        #expect(decoder.withData { copy($0) } == vector.data)
        #expect(decoder.next() == nil)
        #expect(!decoder.isMidFrame)
    }

    @Test("a request of one method is not read as another method's")
    func readsAsNoOther() throws {
        let vector = try GoldenVector.named("request-revoke-account")
        let exchange = MessageArena().withRequest(vector.data.span) { $0.exchangeRequest(caller: nil) }
        // Field 2 is a string in both messages, so the bytes can be read. But they contain no code.
        #expect(exchange??.code.bytes.isEmpty == true)
    }

    @Test("an expired timeout is sent as the shortest one")
    func timeoutIsNeverZero() throws {
        let data = try RequestEncoder.encode(VerificationRequest(token: Token("EMAW")), timeout: .seconds(-1))
        #expect(MessageArena().withRequest(data.span) { $0.timeout } == .nanoseconds(1))
    }

    @Test(
        "an age is sent in whole seconds, rounded down to at least 1",
        arguments: [(Duration.milliseconds(1), UInt32(1)), (.zero, 1), (.milliseconds(1999), 1), (.seconds(1 << 40), .max)])
    func maxAgeIsNeverZero(_ maxAge: Duration, _ seconds: UInt32) throws {
        let data = try RequestEncoder.encode(VerificationRequest(token: Token("EMAW"), maxAge: maxAge), timeout: nil)
        let sent = MessageArena().withRequest(data.span) { $0.withVerifyRequest { $0.maxAgeSeconds } }
        #expect(sent == seconds)
    }

    @Test(
        "an invalid page size is sent as a size that every server rejects",
        arguments: [(1, 1), (100, 100), (1000, 1000), (0, Int(UInt32.max)), (-1, Int(UInt32.max)), (1 << 40, Int(UInt32.max))])
    func pageSize(_ size: Int, _ read: Int) throws {
        let data = try RequestEncoder.encode(AccountListRequest(pageSize: size), timeout: nil)
        #expect(MessageArena().withRequest(data.span) { $0.accountListRequest(caller: nil)?.pageSize } == read)
    }

    @Test("a deletion without an account is malformed")
    func deletionOfNothing() throws {
        let data = try RequestEncoder.encode(AccountDeletionRequest(accountID: "", applicationID: "5432"), timeout: nil)
        let read = MessageArena().withRequest(data.span) { $0.accountDeletionRequest(caller: .unknown) == nil }
        #expect(read == true)
    }

    @Test("a token that is too long for the arena is rejected")
    func tooLong() {
        let token = Token(bytes: Array(repeating: 65, count: 1 << 20))
        #expect(throws: RequestTooLong.self) { try RequestEncoder.encode(VerificationRequest(token: token), timeout: nil) }
    }
}

private func encode(_ contents: RequestContents, timeout: Duration?) throws -> [UInt8] {
    switch contents {
    case .verify(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .exchange(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .revoke(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .listAccounts(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .deleteAccount(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .statistics: try RequestEncoder.encodeStatistics(timeout: timeout)
    case .healthCheck(let service): try RequestEncoder.encodeHealthCheck(service: service, timeout: timeout)
    }
}

private func decode(_ request: borrowing RequestView) -> RequestContents? {
    switch request.method {
    case .verify:
        request.withVerifyRequest { fields -> RequestContents? in
            guard let requirements = fields.requirements else { return nil }
            let maxAge = fields.maxAgeSeconds
            var request = VerificationRequest(
                token: Token(bytes: copy(fields.token)), requirements: requirements,
                maxAge: maxAge == 0 ? nil : .seconds(Int64(maxAge)))
            request.notBefore = RevocationPosition(validating: copy(fields.notBefore))
            return .verify(request)
        } ?? nil
    case .exchange: request.exchangeRequest(caller: nil).map { .exchange($0) }
    case .revoke: request.revocationRequest(caller: .unknown).map { .revoke($0) }
    case .listAccounts: request.accountListRequest(caller: nil).map { .listAccounts($0) }
    case .deleteAccount: request.accountDeletionRequest(caller: .unknown).map { .deleteAccount($0) }
    case .statistics: request.isStatisticsRequest() ? .statistics : nil
    case .healthCheck: request.healthCheckService().map { .healthCheck($0) }
    case nil: nil
    }
}

func copy(_ span: Span<UInt8>) -> [UInt8] {
    span.indices.map { span[$0] }
}
