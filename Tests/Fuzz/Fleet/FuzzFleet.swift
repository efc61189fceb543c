internal import FuzzKit

/// Fuzzes the messages that the nodes of a fleet exchange by their store.
///
/// Input: a letter and bytes. After `e`, `r` and `d` the bytes are the message of an entry, a record and a denial; after `E`, `R` and `D` they
/// are what the store has in such a place.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFleet(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let letter = input.byte()
    let message = MessageUnderTest(input.remaining())
    switch letter {
    case UInt8(ascii: "e"): message.checkEntry()
    case UInt8(ascii: "r"): message.checkRecord()
    case UInt8(ascii: "d"): message.checkDenial()
    default: message.checkSealed()
    }
    return 0
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzFleet)
        }
    }
#endif
