import DoormanCore
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit
import Testing

@Suite("Random bytes")
struct RandomBytesTests {
    @Test("random bytes never crash the frame decoder", arguments: 1...20 as ClosedRange<UInt64>)
    func frames(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<50 {
            // With a first byte of 0, most parts are not a violation at once.
            let parts = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                [0, 0] + random.bytes(Int.random(in: 0...300, using: &random))
            }
            let seen = events(parts, limit: 128)
            #expect(seen.allSatisfy { $0.data.map { $0.count <= 128 } ?? true })
            #expect(events([parts.flatMap { $0 }], limit: 128) == seen, "seed \(seed)")
        }
    }

    @Test("random bytes never crash the message decoders", arguments: 1...20 as ClosedRange<UInt64>)
    func messages(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let arena = MessageArena(capacity: 512, budget: 16 << 10)
        for _ in 0..<200 { readAll(random.bytes(Int.random(in: 0...200, using: &random)), arena) }
        expectStillReads(arena)
    }

    @Test("messages with changed bytes never crash the decoders", arguments: 1...20 as ClosedRange<UInt64>)
    func mutations(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let arena = MessageArena(capacity: 512, budget: 16 << 10)
        let originals = try GoldenVector.all().map(\.data).filter { !$0.isEmpty && $0.count < 4096 }
        for original in originals {
            var data = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                data[Int.random(in: data.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            readAll(Array(data.prefix(Int.random(in: 1...data.count, using: &random))), arena)
            readAll(data, arena)
        }
        expectStillReads(arena)
    }

    /// Expects the arena to read a valid message after damaged ones.
    private func expectStillReads(_ arena: MessageArena) {
        let identity = Identity(accountID: "1", applicationID: "10", provider: "p", verifiedAt: Timestamp(millisecondsSince1970: 0))
        let outcome = ResponseDecoder.unpackedIdentity(ResponseEncoder.encode(identity).span, in: arena)
        guard case .success(let read) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(read.accountID == "1")
    }

    /// Reads the bytes as each kind of message.
    private func readAll(_ data: [UInt8], _ arena: MessageArena) {
        arena.withRequest(data.span) { request in
            _ = request.method
            _ = request.namesMethod
            _ = request.timeout
            _ = request.withVerifyRequest { copy($0.token) + copy($0.applicationID) + copy($0.notBefore) }
            _ = request.exchangeRequest(caller: nil)
            _ = request.revocationRequest(caller: .unknown)
            _ = request.healthCheckService()
        }
        _ = ResponseDecoder.identity(data.span, in: arena)
        _ = ResponseDecoder.exchange(data.span, in: arena)
        _ = ResponseDecoder.revoked(data.span, in: arena)
        _ = ResponseDecoder.healthCheck(data.span, in: arena)
    }
}

extension SplitMix64 {
    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}
