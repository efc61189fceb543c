import DoormanCore
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit
import Testing

@Suite("Requests as the golden vectors have them")
struct RequestVectorTests {
    @Test("the client packs each request into just the vector's bytes", arguments: try GoldenVector.questions.filter(\.roundTrips))
    func clientEncodes(_ vector: GoldenVector) throws {
        let data = try encode(try vector.question(), timeout: vector.timeout)
        #expect(data == vector.data)
        var frame = ByteBuffer()
        frame.writeFrame(.request, streamID: try vector.header(.request).streamID, data: data)
        #expect(Array(frame.readableBytesView) == vector.bytes)
    }

    @Test("the server reads from each request just what the vector says", arguments: try GoldenVector.questions)
    func serverDecodes(_ vector: GoldenVector) throws {
        let arena = MessageArena()
        let read = arena.withRequest(vector.data.span) { request in
            (method: request.method, question: decode(request), timeout: request.timeout, isNamed: request.namesMethod)
        }
        let request = try #require(read)
        let question = try vector.question()
        #expect(request.question == question)
        #expect(request.method == question.method)
        #expect(request.timeout == vector.timeout)
        #expect(request.isNamed)
    }

    @Test("each vector is one frame, with the header that it says", arguments: try GoldenVector.questions)
    func isOneFrame(_ vector: GoldenVector) throws {
        var decoder = FrameDecoder(maximumLength: 65536)
        decoder.append(ByteBuffer(bytes: vector.bytes))
        #expect(decoder.next() == .frame(try vector.header(.request)))
        #expect(decoder.withData { copy($0) } == vector.data)
        #expect(decoder.next() == nil)
        #expect(!decoder.isMidFrame)
    }

    @Test("no request of one method reads as one of another")
    func readsAsNoOther() throws {
        let vector = try GoldenVector.named("request-revoke-account")
        let exchange = MessageArena().withRequest(vector.data.span) { $0.exchangeRequest() }
        // Field 2 is a string in both, so the bytes do read; but they name no code.
        #expect(exchange??.code.bytes.isEmpty == true)
    }

    @Test("a time-out that has run out is sent as the shortest, since 0 would mean the server's own")
    func timeoutIsNeverZero() throws {
        let data = try RequestEncoder.encode(VerificationRequest(token: Token("EMAW")), timeout: .seconds(-1))
        #expect(MessageArena().withRequest(data.span) { $0.timeout } == .nanoseconds(1))
    }

    @Test(
        "an age is sent in whole seconds, rounded down but never to any age",
        arguments: [(Duration.milliseconds(1), UInt32(1)), (.zero, 1), (.milliseconds(1999), 1), (.seconds(1 << 40), .max)])
    func maxAgeIsNeverZero(_ maxAge: Duration, _ seconds: UInt32) throws {
        let data = try RequestEncoder.encode(VerificationRequest(token: Token("EMAW"), maxAge: maxAge), timeout: nil)
        let sent = MessageArena().withRequest(data.span) { $0.withVerifyRequest { $0.maxAgeSeconds } }
        #expect(sent == seconds)
    }

    @Test(
        "a page size is sent as it is, the usual one as none, and an impossible one as one that no server gives",
        arguments: [(1, 1), (100, 100), (1000, 1000), (0, Int(UInt32.max)), (-1, Int(UInt32.max)), (1 << 40, Int(UInt32.max))])
    func pageSize(_ size: Int, _ read: Int) throws {
        let data = try RequestEncoder.encode(AccountListRequest(pageSize: size), timeout: nil)
        #expect(MessageArena().withRequest(data.span) { $0.accountListRequest()?.pageSize } == read)
    }

    @Test("a deletion that names no account is none")
    func deletionOfNothing() throws {
        let data = try RequestEncoder.encode(AccountDeletionRequest(accountID: "", applicationID: "5432"), timeout: nil)
        let read = MessageArena().withRequest(data.span) { $0.accountDeletionRequest() == nil }
        #expect(read == true)
    }

    @Test("a token too long for any arena is refused before anything is sent")
    func tooLong() {
        let token = Token(bytes: Array(repeating: 65, count: 1 << 20))
        #expect(throws: RequestTooLong.self) { try RequestEncoder.encode(VerificationRequest(token: token), timeout: nil) }
    }
}

private func encode(_ question: Question, timeout: Duration?) throws -> [UInt8] {
    switch question {
    case .verify(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .exchange(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .revoke(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .listAccounts(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .deleteAccount(let request): try RequestEncoder.encode(request, timeout: timeout)
    case .statistics: try RequestEncoder.encodeStatistics(timeout: timeout)
    case .healthCheck(let service): try RequestEncoder.encodeHealthCheck(service: service, timeout: timeout)
    }
}

private func decode(_ request: borrowing RequestView) -> Question? {
    switch request.method {
    case .verify:
        request.withVerifyRequest { fields in
            let (application, maxAge) = (copy(fields.applicationID), fields.maxAgeSeconds)
            return .verify(
                VerificationRequest(
                    token: Token(bytes: copy(fields.token)),
                    applicationID: application.isEmpty ? nil : String(decoding: application, as: UTF8.self),
                    maxAge: maxAge == 0 ? nil : .seconds(Int64(maxAge))))
        }
    case .exchange: request.exchangeRequest().map { .exchange($0) }
    case .revoke: request.revocationRequest().map { .revoke($0) }
    case .listAccounts: request.accountListRequest().map { .listAccounts($0) }
    case .deleteAccount: request.accountDeletionRequest().map { .deleteAccount($0) }
    case .statistics: request.isStatisticsRequest() ? .statistics : nil
    case .healthCheck: request.healthCheckService().map { .healthCheck($0) }
    case nil: nil
    }
}

func copy(_ span: Span<UInt8>) -> [UInt8] {
    span.indices.map { span[$0] }
}
