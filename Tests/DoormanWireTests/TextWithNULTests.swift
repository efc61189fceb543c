import DoormanCore
import DoormanSupport
import DoormanWire
import Testing

/// protobuf-c ends a text at its first NUL, so such a message would be read differently than its sender meant it.
@Suite("Texts with NULs")
struct TextWithNULTests {
    private static func field(_ number: UInt8, _ value: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(value.count)] + value }

    private static func isReadable(_ fields: [UInt8]) -> Bool {
        let message = field(1, Array("t".utf8)) + fields
        return MessageArena().withRequest(.verify, payload: message.span, timeout: nil) { request in
            request.withVerifyRequest { _ in true } ?? false
        }
    }

    @Test("a request with a NUL in a text is unreadable", arguments: [3, 4, 5] as [UInt8], ["\0zzz", "api\0", "api\0zzz", "\0"])
    func text(field: UInt8, value: String) {
        #expect(Self.isReadable(Self.field(field, Array("api".utf8))))
        #expect(!Self.isReadable(Self.field(field, Array(value.utf8))))
    }

    @Test("zero bytes elsewhere do no harm")
    func elsewhere() {
        // In the position of a revocation, which is bytes; as a number; and in a field that is unknown.
        #expect(Self.isReadable(Self.field(6, [0, 1, 0])))
        #expect(Self.isReadable([2 << 3, 0]))
        #expect(Self.isReadable(Self.field(15, [0])))
    }
}
