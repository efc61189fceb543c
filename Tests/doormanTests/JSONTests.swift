import Testing

@testable import doorman

@Suite("JSON output")
struct JSONTests {
    private struct Sample: Encodable {
        let zero = 1.5
        let firstOfAll = true
        let empty: [String: Int] = [:]
        @Nullable var nothing: String? = nil
        @Nullable var something: String? = "x"
        let leftOut: String? = nil
        let reasons = ["TOKEN_REJECTED": 1, "cache.hits": 2, "p99_9": 3]
    }

    @Test("characters that a terminal may act on are escaped")
    func escapes() {
        #expect(
            JSONOutput.encode(OutcomeJSON(outcome: "a\"b\\c\nd\re\tf/\u{0}\u{1b}\u{7f}\u{9b}é😀"))
                == ##"{"outcome":"a\"b\\c\nd\re\tf/\u0000\u001b\u007f\u009bé😀"}"##)
    }

    @Test("members are sorted by their names in snake case")
    func members() {
        #expect(
            JSONOutput.encode(Sample())
                == #"{"empty":{},"first_of_all":true,"nothing":null,"reasons":{"TOKEN_REJECTED":1,"cache.hits":2,"p99_9":3},"#
                + #""something":"x","zero":1.5}"#)
    }

    @Test(
        "numbers are rounded to the given digits",
        arguments: [(1.0 / 3, 3, 0.333), (2, 1, 2), (-0.25, 1, -0.3), (0, 6, 0)] as [(Double, Int, Double)])
    func rounding(number: Double, digits: Int, rounded: Double) {
        #expect(number.rounded(toDigits: digits) == rounded)
    }
}
