import DoormanSupport
import Testing

@Suite("A packed reply holds what was packed")
struct EncodedResponseTests {
    @Test("bytes of every length come out as they went in, up to 126 of them without a heap object")
    func everyLength() {
        for length in 0...300 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: 255 - $0) }
            let reply = EncodedResponse(bytes: bytes)
            #expect(reply.bytes == bytes)
            #expect(reply.long.isEmpty == (length <= 126))
        }
    }

    @Test("one that was copied over a longer one is itself")
    func copiedOver() {
        var room = EncodedResponse(bytes: Array(repeating: 1, count: 200))
        let short = EncodedResponse(bytes: [2, 3])
        room.short = short.short
        #expect(room.bytes == [2, 3])
        #expect(room == short)
        #expect(room != EncodedResponse())
    }

    @Test("is empty once it is cleared, whatever its length was", arguments: [0, 1, 126, 127, 500])
    func cleared(length: Int) {
        var response = EncodedResponse(bytes: Array(repeating: 1, count: length))
        response.clear()
        #expect(response.bytes.isEmpty)
        #expect(response == EncodedResponse())
    }
}
