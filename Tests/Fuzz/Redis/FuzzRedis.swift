internal import FuzzKit
internal import NIOCore

@testable internal import RedisStore

/// Fuzzes the decoder of a Redis server's replies with any bytes in any parts. Its results must not depend on the parts.
///
/// Input: the bytes of the wire, then the chunk sizes, then a byte that chooses the number of chunk sizes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRedis(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let choice = input.lastByte()
    let sizes = (0..<choice & 7).map { _ in Int(input.lastByte()) }
    let bytes = input.remaining()

    let whole = Decoding([bytes])
    let split = Decoding(chunks(of: bytes, sizes))
    require(whole.replies == split.replies, "a split does not change the replies")
    require(whole.error == split.error, "a split does not change the error")
    require(whole.isMidReply == split.isMidReply, "a split does not change the state at the end")
    let single = Decoding(bytes.map { [$0] })
    require(whole.replies == single.replies && whole.error == single.error, "single bytes do not change the replies")
    for reply in whole.replies { check(reply, depth: 0) }
    return 0
}

/// What the decoder makes of bytes.
private struct Decoding {
    var replies: [RESPValue] = []
    var error: RESPError?
    var isMidReply = false

    init(_ chunks: [[UInt8]]) {
        var decoder = RESPDecoder()
        do throws(RESPError) {
            for chunk in chunks {
                decoder.append(ByteBuffer(bytes: chunk))
                while let reply = try decoder.next() { replies.append(reply) }
                require(decoder.bufferedBytes <= RESPDecoder.maximumBulk + 2, "at most an unfinished string is kept")
            }
            isMidReply = decoder.isMidReply
        } catch {
            self.error = error
            require(decoder.bufferedBytes == 0, "nothing is kept after an error")
        }
    }
}

private func check(_ reply: RESPValue, depth: Int) {
    require(depth <= RESPDecoder.maximumDepth, "the depth of a reply has a limit")
    switch reply {
    case .array(let elements), .set(let elements), .push(let elements):
        for element in elements { check(element, depth: depth + 1) }
    case .map(let elements):
        require(elements.count.isMultiple(of: 2), "each key of a map has a value")
        for element in elements { check(element, depth: depth + 1) }
    case .double(let text):
        require(Double(String(decoding: text, as: UTF8.self)) != nil, "a number can be read")
    case .error:
        require(reply.errorCode.map { $0.allSatisfy(\.isUppercase) } == true, "an error has a code")
    case .null, .simpleString, .integer, .boolean, .bigNumber, .bulkString: break
    }
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzRedis)
        }
    }
#endif
