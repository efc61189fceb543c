internal import AccountKit
internal import DoormanCore
internal import FuzzKit

/// What a provider may answer, and what is made of it.
///
/// Input: a letter that chooses the call, a byte of circumstances, and the answers of the provider, a zero byte between them. An
/// answer is text: its status, header lines, an empty line, the body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzProvider(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let letter = input.byte()
    let circumstances = Circumstances(input.byte())
    let provider = InputTransport(input.remaining())
    guard let verifier = try? circumstances.verifier(asking: provider) else { return 0 }
    let inquiry = Inquiry(verifier: verifier, circumstances: circumstances, provider: provider)
    OwnThread().run {
        switch letter {
        case UInt8(ascii: "x"): await inquiry.exchange()
        case UInt8(ascii: "t"): await inquiry.revoke(.token(Circumstances.token))
        case UInt8(ascii: "i"): await inquiry.revoke(.account("1011166682335378"))
        case UInt8(ascii: "d"): await inquiry.delete()
        case UInt8(ascii: "l"): await inquiry.list()
        default: await inquiry.verify()
        }
    }
    return 0
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzProvider)
        }
    }
#endif
