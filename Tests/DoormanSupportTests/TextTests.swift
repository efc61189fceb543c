import DoormanSupport
import Testing

@Suite("Durations as text")
struct DurationTextTests {
    @Test(
        "are formatted in the longest exact unit",
        arguments: [
            ("500ms", .milliseconds(500), "500ms"), ("60s", .seconds(60), "1m"), ("24h", .seconds(86_400), "24h"),
            ("90m", .seconds(5400), "90m"), ("1500us", .microseconds(1500), "1500us"), ("1000us", .milliseconds(1), "1ms"),
            ("0h", .zero, "0s"),
        ] as [(String, Duration, String)])
    func parse(text: String, duration: Duration, written: String) throws {
        #expect(try DurationText.parse(text, in: .zero ... .seconds(86_400)) == duration)
        #expect(DurationText.write(duration) == written)
    }

    @Test(
        "are rejected if they are not a whole number with a unit",
        arguments: ["", "2", "s", "-1s", "+1s", "1.5s", "2 s", "2sec", "٢s", "1d", "1\u{301}s", "1S"])
    func malformed(text: String) {
        #expect(throws: DurationText.ParseError.malformed) { try DurationText.parse(text, in: .zero ... .seconds(60)) }
    }

    @Test(
        "are rejected outside the allowed range",
        arguments: ["0s", "61s", "2m", "9999999999h", "99999999999999999999s"])
    func outOfRange(text: String) {
        #expect(throws: DurationText.ParseError.outOfRange) {
            try DurationText.parse(text, in: .milliseconds(1) ... .seconds(60))
        }
    }

    @Test("are rejected in a unit that is not allowed")
    func units() throws {
        #expect(throws: DurationText.ParseError.malformed) {
            try DurationText.parse("1us", in: .zero ... .seconds(60), units: [.seconds, .milliseconds])
        }
    }

    @Test(
        "are formatted as seconds, rounded up to the millisecond",
        arguments: [
            (.seconds(30), "30"), (.milliseconds(1500), "1.5"), (.milliseconds(7), "0.007"), (.microseconds(1), "0.001"),
            (.zero, "0"),
        ] as [(Duration, String)])
    func seconds(duration: Duration, text: String) {
        #expect(DurationText.seconds(duration) == text)
        #expect(DurationText.describe(duration) == text + " s")
    }

    @Test("are formatted as milliseconds with three decimal places")
    func milliseconds() {
        #expect(DurationText.milliseconds(.nanoseconds(1_204_999)) == "1.204")
        #expect(DurationText.milliseconds(.zero) == "0.000")
    }

    @Test("are formatted roughly in two units")
    func rough() {
        for (seconds, text) in [
            (0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_600, "1 h 0 min"), (7_500, "2 h 5 min"), (273_600, "3 d 4 h"),
        ] {
            #expect(DurationText.rough(.seconds(seconds)) == text)
        }
    }

    @Test(
        "are formatted as latencies with three significant digits",
        arguments: [
            (.zero, "0.00 µs"), (.nanoseconds(214), "0.21 µs"), (.nanoseconds(9994), "9.99 µs"), (.nanoseconds(9996), "10.0 µs"),
            (.nanoseconds(61_240), "61.2 µs"), (.microseconds(999), "999 µs"), (.microseconds(1050), "1.05 ms"),
            (.milliseconds(99), "99.0 ms"), (.microseconds(99_960), "100 ms"), (.seconds(2), "2.00 s"), (.seconds(3600), "3600 s"),
        ] as [(Duration, String)])
    func latency(latency: Duration, text: String) {
        #expect(DurationText.latency(latency) == text)
    }
}

@Suite("Numbers as text")
struct NumberTextTests {
    @Test(
        "are grouped by thousands",
        arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1234, "-1,234")])
    func grouped(number: Int, text: String) {
        #expect(NumberText.grouped(number) == text)
    }

    @Test(
        "are rounded to the given number of decimal places",
        arguments: [(12.5, 2, "12.50"), (0.06, 1, "0.1"), (-1.25, 2, "-1.25"), (2.5, 0, "3"), (1e300, 1, "1e+300")])
    func decimal(number: Double, digits: Int, text: String) {
        #expect(NumberText.decimal(number, digits: digits) == text)
    }
}

@Suite("ASCII bytes")
struct ASCIITests {
    @Test("are classified as ASCII defines them", arguments: UInt8.min...UInt8.max)
    func classes(byte: UInt8) {
        let digits = Set("0123456789".utf8)
        let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        #expect(byte.isASCIIDigit == digits.contains(byte))
        #expect(byte.isASCIILetter == letters.contains(byte))
        #expect(byte.isASCIIAlphanumeric == digits.union(letters).contains(byte))
        #expect(byte.isVisibleASCII == (byte > 0x20 && byte < 0x7f))
    }
}

@Suite("Hosts with a port")
struct HostAndPortTests {
    @Test(
        "are formatted as they are parsed",
        arguments: [
            ("127.0.0.1:1", "127.0.0.1", 1), ("doorman.internal:7117", "doorman.internal", 7117), ("[::1]:65535", "::1", 65_535),
        ])
    func parse(text: String, host: String, port: Int) throws {
        let parsed = try HostAndPort(parsing: text)
        #expect(parsed == HostAndPort(host: host, port: port))
        #expect(parsed.description == text)
    }

    @Test("have a default port only if one is given", arguments: [("localhost", "localhost"), ("[::1]", "::1")])
    func defaultPort(text: String, host: String) throws {
        #expect(try HostAndPort(parsing: text, defaultPort: 80) == HostAndPort(host: host, port: 80))
        #expect(throws: HostAndPort.ParseError.missingPort) { try HostAndPort(parsing: text) }
    }

    @Test(
        "are rejected with a reason",
        arguments: [
            ("host:", .invalidPort), ("host:0", .invalidPort), ("host:65536", .invalidPort), ("host:+1", .invalidPort),
            ("host:99999999999999999999", .invalidPort), ("[::1]:", .invalidPort), (":1", .emptyHost), ("::1", .missingBrackets),
            ("[host]:1", .needlessBrackets), ("[::1", .missingBrackets),
        ] as [(String, HostAndPort.ParseError)])
    func rejected(text: String, error: HostAndPort.ParseError) {
        #expect(throws: error) { try HostAndPort(parsing: text) }
    }
}
