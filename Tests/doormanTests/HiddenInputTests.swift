import Testing

@testable import doorman

@Suite("Input that is not shown")
struct HiddenInputTests {
    /// Returns the event of the last byte.
    private func last(_ text: String, limit: Int = 8) -> HiddenInput.Event {
        var input = HiddenInput(limit: limit)
        return text.utf8.map { input.take($0) }.last ?? .more
    }

    @Test(
        "keys edit the line and end it",
        arguments: [
            ("abc\n", "abc"), ("abc\r", "abc"), ("abc\u{4}", "abc"), ("abx\u{7f}c\n", "abc"), ("abx\u{8}c\n", "abc"),
            ("xyz\u{15}abc\n", "abc"), ("\u{7f}a\n", "a"), ("a\tb\n", "ab"), ("\n", ""),
        ])
    func editing(typed: String, line: String) {
        #expect(last(typed) == .line(Array(line.utf8)))
    }

    @Test("Ctrl-C and Ctrl-\\ interrupt", arguments: ["abc\u{3}", "\u{1c}"])
    func interrupts(typed: String) {
        #expect(last(typed) == .interrupted)
    }

    @Test("one byte more than the limit is kept, so that the secret is seen to be too long")
    func limit() {
        #expect(last("abcdefghijk\n") == .line(Array("abcdefghi".utf8)))
    }
}
