import DoormanSupport
import Testing

@Suite("Encoded responses")
struct EncodedResponseTests {
    @Test("bytes of every length are stored unchanged")
    func everyLength() {
        for length in 0...300 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: 255 - $0) }
            let reply = EncodedResponse(bytes: bytes)
            #expect(reply.bytes == bytes)
            #expect(reply.long.isEmpty == (length <= 126))
        }
    }

    @Test("a copy over a longer response equals its original")
    func copiedOver() {
        var copy = EncodedResponse(bytes: Array(repeating: 1, count: 200))
        let short = EncodedResponse(bytes: [2, 3])
        copy.short = short.short
        #expect(copy.bytes == [2, 3])
        #expect(copy == short)
        #expect(copy != EncodedResponse())
    }

    @Test("a cleared response is empty", arguments: [0, 1, 126, 127, 500])
    func cleared(length: Int) {
        var response = EncodedResponse(bytes: Array(repeating: 1, count: length))
        response.clear()
        #expect(response.bytes.isEmpty)
        #expect(response == EncodedResponse())
    }
}
