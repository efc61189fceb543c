internal import FuzzKit

/// Fuzzes every kind of text that an operator writes. Reading must end, and no message may repeat a value, which may be a secret.
///
/// Input: a letter for the kind of text, and the text: a settings file, a file of providers, flags or variables, one a line, or a
/// value.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSettings(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let letter = input.byte()
    let text = input.remaining()
    switch letter {
    case UInt8(ascii: "a"): Writing.readProviders(text)
    case UInt8(ascii: "f"): Writing.readFlags(text)
    case UInt8(ascii: "e"): Writing.readEnvironment(text)
    case UInt8(ascii: "v"): Writing.readValue(text)
    default: Writing.readSettings(text)
    }
    return 0
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzSettings)
        }
    }
#endif
