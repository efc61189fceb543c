import DoormanCore
import DoormanWire
import NIOCore
import TestKit
import Testing

@Suite("The responses of the golden vectors")
struct ResponseVectorTests {
    @Test("the server encodes each identity into exactly the vector's bytes", arguments: try GoldenVector.responses(to: "Verify"))
    func serverEncodesIdentity(_ vector: GoldenVector) throws {
        guard vector.roundTrips else { return }
        let identity = try vector.identity()
        #expect(ResponseEncoder.encode(identity) == vector.data)
        #expect(ResponseEncoder.encode(Verdict.valid(identity)) == vector.data)
    }

    @Test("the client reads each identity", arguments: try GoldenVector.responses(to: "Verify"))
    func clientDecodesIdentity(_ vector: GoldenVector) throws {
        let response = ResponseDecoder.identity(vector.data.span, in: MessageArena())
        #expect(response.value == (try vector.identity()))
    }

    @Test("the response to an exchange is encoded and decoded", arguments: try GoldenVector.responses(to: "Exchange"))
    func exchange(_ vector: GoldenVector) throws {
        let token = Token(bytes: try #require(vector.octets("payload.token")))
        let identity = vector["payload.identity.account_id"] == nil ? nil : try vector.identity("payload.identity.")
        #expect(ResponseEncoder.encode(ExchangeVerdict.issued(token, identity)) == vector.data)
        let response = try #require(ResponseDecoder.exchange(vector.data.span, in: MessageArena()).value)
        #expect(response.token == token)
        #expect(response.identity == identity)
    }

    @Test("the response to a revocation has its position", arguments: try GoldenVector.responses(to: "Revoke"))
    func revoked(_ vector: GoldenVector) {
        let position = vector.octets("payload.position").flatMap(RevocationPosition.init(validating:))
        #expect(ResponseEncoder.encodeRevoked(position) == vector.data)
        #expect(ResponseDecoder.revoked(vector.data.span, in: MessageArena()).value == .some(position))
    }

    @Test("the response to a revocation without a position has an empty payload")
    func revokedAlone() {
        #expect(ResponseEncoder.encodeRevoked(nil).isEmpty)
    }

    @Test("a position above 64 bytes makes the response to a revocation malformed")
    func positionTooLong() {
        for (count, isMalformed) in [(1, false), (64, false), (65, true)] {
            let position = RevocationPosition(bytes: Array(repeating: 0xff, count: count))
            let response = ResponseDecoder.revoked(ResponseEncoder.encodeRevoked(position).span, in: MessageArena())
            #expect(response.isMalformed == isMalformed, "\(count) bytes")
        }
    }

    @Test("a page of accounts is encoded and decoded", arguments: try GoldenVector.responses(to: "List"))
    func accounts(_ vector: GoldenVector) {
        let page = vector.accountPage()
        if vector.roundTrips { #expect(ResponseEncoder.encode(page) == vector.data) }
        #expect(ResponseDecoder.accounts(vector.data.span, in: MessageArena()).value == page)
    }

    @Test("the response to a deletion has an empty payload", arguments: try GoldenVector.responses(to: "Delete"))
    func accountDeleted(_ vector: GoldenVector) {
        #expect(ResponseEncoder.encodeAccountDeleted() == vector.data)
        #expect(ResponseDecoder.accountDeleted(vector.data.span, in: MessageArena()).value != nil)
    }

    @Test("a page that is too long for a client is not encoded")
    func pageSize() throws {
        let longest = Account(id: String(repeating: "1", count: 64), email: String(repeating: "e", count: 320))
        let usual = AccountPage(accounts: Array(repeating: longest, count: 100), next: String(repeating: "n", count: 512))
        let data = try #require(ResponseEncoder.encode(usual))
        #expect(ResponseDecoder.accounts(data.span, in: MessageArena()).value == usual)
        let short = Account(id: "1011166682335378", phoneNumber: "+15551234567")
        let thousand = AccountPage(accounts: Array(repeating: short, count: 1000))
        let large = try #require(ResponseEncoder.encode(thousand))
        #expect(ResponseDecoder.accounts(large.span, in: MessageArena()).value == thousand)
        #expect(ResponseEncoder.encode(AccountPage(accounts: Array(repeating: longest, count: 1000))) == nil)
        #expect(ResponseEncoder.encode(AccountPage(accounts: Array(repeating: longest, count: 169))) == nil)
    }

    @Test("an account without an id makes its page malformed")
    func accountWithoutID() throws {
        let data = try #require(ResponseEncoder.encode(AccountPage(accounts: [Account(id: "", email: "a@b")])))
        #expect(ResponseDecoder.accounts(data.span, in: MessageArena()).isMalformed)
    }

    @Test("the response to a health check is encoded and decoded", arguments: try GoldenVector.responses(to: "Check"))
    func health(_ vector: GoldenVector) throws {
        let status = try vector.servingStatus()
        #expect(ResponseEncoder.encode(status) == vector.data)
        #expect(ResponseDecoder.healthCheck(vector.data.span, in: MessageArena()).value == status)
    }

    @Test("the server encodes each failure into exactly the vector's bytes", arguments: try GoldenVector.responses(to: "any"))
    func serverEncodesFailure(_ vector: GoldenVector) throws {
        guard vector.roundTrips else { return }
        let status = try vector.status()
        let response = FailureResponse(try #require(status.failure), status.message, retryAfter: status.retryAfter)
        #expect(ResponseEncoder.encode(response) == vector.data)
    }

    @Test("the client reads each failure as a response to any method", arguments: try GoldenVector.responses(to: "any"))
    func clientDecodesFailure(_ vector: GoldenVector) throws {
        let status = try vector.status()
        let arena = MessageArena()
        #expect(ResponseDecoder.identity(vector.data.span, in: arena).status == status)
        #expect(ResponseDecoder.exchange(vector.data.span, in: arena).status == status)
        #expect(ResponseDecoder.revoked(vector.data.span, in: arena).status == status)
        #expect(ResponseDecoder.accounts(vector.data.span, in: arena).status == status)
        #expect(ResponseDecoder.accountDeleted(vector.data.span, in: arena).status == status)
        #expect(ResponseDecoder.statistics(vector.data.span, in: arena).status == status)
        #expect(ResponseDecoder.healthCheck(vector.data.span, in: arena).status == status)
    }

    @Test("every failure has a vector", arguments: Failure.allCases)
    func everyFailure(_ failure: Failure) throws {
        let statuses = try GoldenVector.responses(to: "any").filter(\.roundTrips).map { try $0.status() }
        #expect(statuses.contains { $0.failure == failure })
    }

    @Test("a response with an unknown reason keeps its code")
    func unknownReason() throws {
        let newer = try GoldenVector.named("failure-unknown-reason").status()
        #expect(newer.failure == nil)
        #expect(newer.code == .unavailable)
        let foreign = try GoldenVector.named("failure-foreign-domain").status()
        #expect(foreign.reason == nil)
        #expect(foreign.failure == nil)
    }

    @Test("each vector is one frame with the stated header", arguments: try GoldenVector.all(.response))
    func isOneFrame(_ vector: GoldenVector) throws {
        var frame = ByteBuffer()
        frame.writeFrame(.response, streamID: try vector.header(.response).streamID, data: vector.data)
        #expect(Array(frame.readableBytesView) == vector.bytes)
        var decoder = FrameDecoder(maximumLength: 65536)
        decoder.append(frame)
        #expect(decoder.next() == .frame(try vector.header(.response)))
        #expect(decoder.withData { copy($0) } == vector.data)
    }

    @Test("an identity without an account is malformed")
    func identityWithoutAccount() {
        let arena = MessageArena()
        #expect(ResponseDecoder.identity([UInt8]().span, in: arena).isMalformed)
        #expect(ResponseDecoder.exchange([UInt8]().span, in: arena).isMalformed)
    }

    @Test("a response with text that is not UTF-8 is malformed")
    func invalidText() throws {
        var data = try GoldenVector.named("response-verify-phone").data
        let digit = try #require(data.firstIndex(of: UInt8(ascii: "1")))
        data[digit] = 0xff
        #expect(ResponseDecoder.identity(data.span, in: MessageArena()).isMalformed)
    }

    @Test("a rejection is encoded like its failure", arguments: Rejection.Reason.allCases)
    func rejection(_ reason: Rejection.Reason) {
        let rejection = Rejection(reason, "no")
        let packed = ResponseEncoder.encode(FailureResponse(rejection))
        #expect(ResponseEncoder.encode(Verdict.rejected(rejection)) == packed)
        #expect(ResponseEncoder.encode(ExchangeVerdict.rejected(rejection)) == packed)
    }

    @Test("an identity that is too large to be encoded becomes an internal error")
    func tooLarge() {
        let huge = Identity(
            accountID: String(repeating: "1", count: 1 << 20), applicationID: "2", provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 0))
        let response = ResponseDecoder.identity(ResponseEncoder.encode(huge).span, in: MessageArena())
        #expect(response.status?.failure == .internal)
    }
}

extension ResponseDecoder.Outcome {
    var value: Value? {
        guard case .success(let value) = self else { return nil }
        return value
    }

    var status: StatusContents? {
        guard case .failure(let status) = self else { return nil }
        return StatusContents(status)
    }

    var isMalformed: Bool {
        guard case .malformed = self else { return false }
        return true
    }
}
