internal import AccountKit
internal import DoormanCore
internal import FuzzKit

/// Fuzzes the verifier with arbitrary responses of the provider.
///
/// Input: a letter that chooses the call, a byte of parameters, and the provider's responses, separated by zero bytes. A response is
/// text: status, header lines, an empty line, body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzProvider(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let letter = input.byte()
    let parameters = CallParameters(input.byte())
    let provider = InputTransport(input.remaining())
    guard let verifier = try? parameters.verifier(for: provider) else { return 0 }
    let call = CallUnderTest(verifier: verifier, parameters: parameters, provider: provider)
    OwnThread().run {
        switch letter {
        case UInt8(ascii: "x"): await call.exchange()
        case UInt8(ascii: "t"): await call.revoke(.token(CallParameters.token))
        case UInt8(ascii: "i"): await call.revoke(.account("1011166682335378"))
        case UInt8(ascii: "d"): await call.delete()
        case UInt8(ascii: "l"): await call.list()
        default: await call.verify()
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
