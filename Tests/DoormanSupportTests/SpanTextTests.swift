import DoormanSupport
import Testing

@Suite("Bytes as text")
struct SpanTextTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(
        "are equal to a text of the same bytes only",
        arguments: [("/auth", true), ("/Auth", false), ("/aut", false), ("/auth/", false), ("", false)])
    func equality(text: String, isEqual: Bool) {
        let bytes = bytes(text)
        #expect(bytes.span.isEqual(to: "/auth") == isEqual)
        #expect(bytes.span.isEqual(toUTF8Of: "/auth") == isEqual)
        #expect(bytes.span.isEqual(toLowercase: "/auth") == (text.lowercased() == "/auth"))
    }

    @Test("begin with a text, or with it in any case")
    func prefixes() {
        let value = bytes("Bearer x@")
        #expect(value.span.hasPrefix("Bearer ") && !value.span.hasPrefix("bearer "))
        #expect(value.span.hasPrefix(lowercase: "bearer ") && !value.span.hasPrefix(lowercase: "bearer x`"))
        #expect(!bytes("Be").span.hasPrefix("Bearer") && !bytes("Be").span.hasPrefix(lowercase: "bearer"))
    }

    @Test("become an array of the same bytes", arguments: [0, 1, 3, 1000])
    func array(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        #expect(bytes.span.array == bytes)
        #expect(bytes.span.firstIndex(of: 2) == (count > 2 ? 2 : nil))
    }

    @Test("are visible, or have a control byte")
    func classes() {
        for byte in UInt8.min ... .max {
            let bytes = [0x61, byte]
            #expect(bytes.span.isVisibleASCII == (0x21...0x7e).contains(byte))
            #expect(bytes.span.hasControlByte == (byte < 0x20 || byte == 0x7f))
        }
    }

    @Test("have hexadecimal digits, which stand for their numbers in either case")
    func hexadecimalDigits() {
        for number in UInt8(0)..<16 {
            let digit = HexadecimalDigit.upperCase(number)
            #expect(String(number, radix: 16, uppercase: true).utf8.elementsEqual([digit]))
            #expect(HexadecimalDigit.number(digit) == number)
            #expect(HexadecimalDigit.number(digit.asciiLowercased) == number)
        }
        #expect("/:@G`g".utf8.allSatisfy { HexadecimalDigit.number($0) == nil })
    }
}
