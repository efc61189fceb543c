import Testing

@testable import doorman

@Suite("JSON")
struct JSONTests {
    @Test("every character comes out as JSON wants it")
    func escapes() {
        #expect(JSON.string("a\"b\\c\nd\re\tf\u{0}\u{1b}\u{7f}é😀").text == #""a\"b\\c\nd\re\tf\u0000\u001b\u007fé😀""#)
    }

    @Test("members keep their order")
    func members() {
        let value = JSON.object([
            .init("z", .number("1.5")), .init("a", .null), .init("b", .bool(true)), .init("c", .object([])),
            .init("d", .optional(nil)), .init("e", .optional("x")),
        ])
        #expect(value.text == #"{"z":1.5,"a":null,"b":true,"c":{},"d":null,"e":"x"}"#)
    }
}
