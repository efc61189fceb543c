import DoormanCore
import DoormanWire
import NIOCore
import TestKit
import Testing

@Suite("The malformed bytes of the golden vectors")
struct MalformedVectorTests {
    @Test("each vector has the outcome that the contract states", arguments: try GoldenVector.all(.malformed))
    func isSeen(_ vector: GoldenVector) throws {
        let expectation = try #require(vector.expectation)
        #expect(judge(vector.bytes) == expectation)
    }

    @Test("no vector is a valid response for a client", arguments: try GoldenVector.all(.malformed))
    func isNoResponse(_ vector: GoldenVector) {
        #expect(ResponseDecoder.identity(vector.data.span, in: MessageArena()).value == nil)
    }

    @Test("an arena reads a valid request after all malformed ones")
    func arenaSurvives() throws {
        let arena = MessageArena()
        for vector in try GoldenVector.all(.malformed) {
            arena.withRequest(vector.data.span) { _ = $0.exchangeRequest(caller: nil) }
        }
        let good = try GoldenVector.named("request-verify-full")
        #expect(arena.withRequest(good.data.span) { $0.method } == .verify)
    }
}

/// Returns the outcome of bytes at a server that uses the codec; `nil` for a valid call.
private func judge(_ bytes: [UInt8]) -> GoldenVector.Expectation? {
    var decoder = FrameDecoder(maximumLength: 65536)
    decoder.append(ByteBuffer(bytes: bytes))
    switch decoder.next() {
    case .violation: return .close
    case .oversized: return .answer(code: "RESOURCE_EXHAUSTED", reason: "LIMIT_FRAME_LENGTH")
    case .frame(let header) where header.type == .data || header.isStreaming: return .answer(code: "UNIMPLEMENTED", reason: nil)
    case .frame(let header) where header.type != .request: return .skip
    case .frame(let header) where !header.streamID.isOdd: return malformedRequest
    case .frame: return decoder.withData { data in judge(data) }
    case nil: return nil
    }
}

private let malformedRequest = GoldenVector.Expectation.answer(code: "INVALID_ARGUMENT", reason: "MALFORMED_REQUEST")

private func judge(_ data: Span<UInt8>) -> GoldenVector.Expectation? {
    let read = MessageArena().withRequest(data) { request -> GoldenVector.Expectation? in
        guard request.namesMethod else { return malformedRequest }
        switch request.method {
        case .verify:
            let isTooLong = request.withVerifyRequest { $0.notBefore.count > RevocationPosition.maximumBytes }
            if isTooLong == true { return malformedRequest }
            let isEmpty = request.withVerifyRequest { $0.token.isEmpty }
            if let isEmpty { return isEmpty ? .answer(code: "INVALID_ARGUMENT", reason: "MALFORMED_TOKEN") : nil }
            return malformedRequest
        case .exchange: return request.exchangeRequest(caller: nil) == nil ? malformedRequest : nil
        case .revoke: return request.revocationRequest(caller: .unknown) == nil ? malformedRequest : nil
        case .listAccounts: return request.accountListRequest(caller: nil) == nil ? malformedRequest : nil
        case .deleteAccount: return request.accountDeletionRequest(caller: .unknown) == nil ? malformedRequest : nil
        case .statistics: return request.isStatisticsRequest() ? nil : malformedRequest
        case .healthCheck: return request.healthCheckService() == nil ? malformedRequest : nil
        case nil: return .answer(code: "UNIMPLEMENTED", reason: nil)
        }
    }
    guard let read else { return malformedRequest }
    return read
}
