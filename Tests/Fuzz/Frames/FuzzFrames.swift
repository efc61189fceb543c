internal import DoormanWire
internal import FuzzKit
internal import NIOCore

/// Fuzzes the decoder with any bytes in any parts. Its results must equal the reference's for every split.
///
/// Input: the bytes of the wire, then the chunk sizes, then a byte that chooses the limit and the number of chunk sizes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFrames(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let choice = input.lastByte()
    let limit = [64, 1024, 64 << 10, 4 << 20][Int(choice & 3)]
    let sizes = (0..<choice >> 2 & 7).map { _ in Int(input.lastByte()) }
    let bytes = input.remaining()

    let whole = Decoding([bytes], limit: limit)
    let split = Decoding(chunks(of: bytes, sizes), limit: limit)
    require(whole.pieces == split.pieces, "a split does not change the pieces")
    require(whole.isMidFrame == split.isMidFrame, "a split does not change the state at the end")

    var reference = ReferenceFraming(limit: limit)
    require(whole.pieces == reference.feed(bytes), "the decoder's pieces equal the reference's")
    require(whole.isMidFrame == reference.isMidFrame, "decoder and reference agree about an unfinished frame")

    // One arena for all frames, as on an event loop. A few frames suffice.
    let reading = MessageReading()
    for case .frame(_, let data) in whole.pieces.prefix(4) { reading.readAll(data) }
    return 0
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzFrames)
        }
    }
#endif
