import Testing

@testable import doorman

@Suite("Durations in options")
struct DurationOptionTests {
    @Test(
        "a duration is a whole number with a unit",
        arguments: [
            ("1ms", .milliseconds(1)), ("500ms", .milliseconds(500)), ("2s", .seconds(2)), ("1m", .seconds(60)),
            ("24h", .seconds(86_400)), ("86400000ms", .seconds(86_400)),
        ] as [(String, Duration)])
    func parse(text: String, duration: Duration) throws {
        #expect(try Duration(option: text) == duration)
    }

    @Test(
        "other text is an error",
        arguments: [
            "", "2", "s", "0s", "-1s", "+1s", "1.5s", "2 s", "2sec", "25h", "1441m", "99999999999999999999s", "٢s", "1d",
        ])
    func invalid(text: String) {
        #expect(throws: (any Error).self) { try Duration(option: text) }
    }
}
