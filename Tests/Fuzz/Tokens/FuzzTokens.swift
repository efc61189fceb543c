internal import FuzzKit

/// Fuzzes the reader of JSON Web Tokens.
///
/// Input: a letter and the token. After `t` it is as it is; after any other letter it is a header, claims and a signature, separated by zero
/// bytes, of which the token is made.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTokens(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = unsafe InputReader(start: start, count: count)
    let letter = input.byte()
    let rest = input.remaining()
    TokenUnderTest(letter == UInt8(ascii: "t") ? rest : TokenUnderTest.token(of: rest)).check()
    return 0
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzTokens)
        }
    }
#endif
