import DoormanCore
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@Suite("The message arena")
struct MessageArenaTests {
    @Test("thousands of empty metadata entries are rejected, though they fit into a frame")
    func manyEmptyEntries() throws {
        let request = try GoldenVector.named("request-verify-minimal").data
        // Field 5 of length 0: two bytes on the wire, about fifty in memory.
        let bomb = request + (0..<30_000).flatMap { _ in [0x2a, 0x00] as [UInt8] }
        #expect(bomb.count < 65536)
        let arena = MessageArena()
        #expect(arena.withRequest(bomb.span) { _ in true } == nil)
        #expect(arena.withRequest(request.span) { $0.method } == .verify)
    }

    @Test("entries that fit into the budget are read")
    func someEmptyEntries() throws {
        let request = try GoldenVector.named("request-verify-minimal").data
        let entries = request + (0..<500).flatMap { _ in [0x2a, 0x00] as [UInt8] }
        #expect(MessageArena().withRequest(entries.span) { $0.method } == .verify)
    }

    @Test("thousands of details in a response are rejected")
    func manyDetails() {
        let details = (0..<30_000).flatMap { _ in [0x1a, 0x00] as [UInt8] }
        let status: [UInt8] = [0x08, 0x0e] + details
        let response: [UInt8] = [0x0a] + varint(status.count) + status
        #expect(ResponseDecoder.identity(response.span, in: MessageArena()).isMalformed)
    }

    @Test("a message is rejected only if it exceeds the budget", arguments: [100, 5000, 20_000])
    func budget(_ length: Int) throws {
        let request = VerificationRequest(token: Token(bytes: Array(repeating: 65, count: length)))
        let data = try RequestEncoder.encode(request, timeout: nil)
        let smallest = (64...65536).first { budget in
            let arena = MessageArena(capacity: 64, budget: budget)
            return arena.withRequest(data.span) { $0.withVerifyRequest { $0.token.count } } == length
        }
        // The payload is copied once with the call around it and once as the token.
        let needed = try #require(smallest)
        #expect(needed > 2 * length)
        #expect(needed < 2 * length + 2048)
    }

    @Test("an arena can be reused for messages of any size")
    func reuse() throws {
        let arena = MessageArena()
        let vectors = try GoldenVector.requests
        for _ in 0..<100 {
            for vector in vectors {
                let method = arena.withRequest(vector.data.span) { $0.method }
                #expect(method != nil)
            }
        }
    }

    @Test("reading a message inside another one's closure leaves the outer message intact")
    func nested() throws {
        let arena = MessageArena(capacity: 256, budget: 1 << 20)
        let outer = try GoldenVector.named("request-verify-full")
        let inner = try GoldenVector.named("request-verify-largest")
        let isWhole = arena.withRequest(outer.data.span) { request in
            for _ in 0..<3 {
                let length = arena.withRequest(inner.data.span) { $0.withVerifyRequest { $0.token.count } }
                guard length == 65503 else { return false }
            }
            return request.method == .verify
                && request.withVerifyRequest { copy($0.applicationID) } == Array("5432154321543210".utf8)
        }
        #expect(isWhole == true)
    }
}

func varint(_ value: Int) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest > 0x7f {
        bytes.append(UInt8(rest & 0x7f) | 0x80)
        rest >>= 7
    }
    return bytes + [UInt8(rest)]
}
