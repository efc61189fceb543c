import DoormanWire
import Testing

@Suite("gRPC")
struct GRPCTests {
    // MARK: - Messages

    @Test("a message is found in its whole body only")
    func message() throws {
        let body: [UInt8] = [0, 0, 0, 0, 3, 1, 2, 3]
        for count in 0..<body.count {
            let part = Array(body[..<count])
            let error = count == 0 ? GRPCMessage.Malformed.missing : .truncated
            #expect(throws: error) { try GRPCMessage.find(in: part.span, maximumLength: 3) }
        }
        #expect(try GRPCMessage.find(in: body.span, maximumLength: 3) == 5..<8)
        #expect(try GRPCMessage.find(in: Array(body[..<4] + [0]).span, maximumLength: 0) == 5..<5)
    }

    @Test(
        "a body that is no unary request has a typed error",
        arguments: [
            ([], .missing), ([0], .truncated), ([0, 0, 0, 0], .truncated), ([0, 0, 0, 0, 1], .truncated),
            ([0, 0, 0, 0, 2, 9], .truncated), ([1], .compressed), ([1, 0, 0, 0, 0], .compressed), ([2, 0, 0, 0, 0], .unknownFlag),
            ([0x80], .unknownFlag), ([0, 0, 0, 0, 11], .tooLong), ([0, 0xff, 0xff, 0xff, 0xff], .tooLong),
            ([0, 0, 0, 0, 0, 0], .secondMessage), ([0, 0, 0, 0, 1, 9, 0, 0, 0, 0, 1, 9], .secondMessage),
        ] as [([UInt8], GRPCMessage.Malformed)])
    func malformed(_ body: [UInt8], _ expected: GRPCMessage.Malformed) {
        #expect(throws: expected) { try GRPCMessage.find(in: body.span, maximumLength: 10) }
    }

    @Test("each error has the code of the protocol", arguments: GRPCMessage.Malformed.allCases)
    func codes(_ error: GRPCMessage.Malformed) {
        let expected: [GRPCMessage.Malformed: StatusCode] = [.compressed: .unimplemented, .tooLong: .resourceExhausted]
        #expect(error.code == expected[error, default: .internal])
        #expect(error.message.description.hasSuffix("."))
    }

    @Test("a message is found behind the header that is written for it", arguments: [0, 1, 255, 256, 70_000])
    func written(_ count: Int) throws {
        var header = Array(repeating: UInt8(9), count: GRPCMessage.headerBytes)
        GRPCMessage.writeHeader(length: count, to: &header)
        let body = header + Array(repeating: 7, count: count)
        #expect(try GRPCMessage.find(in: body.span, maximumLength: 70_000) == 5..<5 + count)
    }

    // MARK: - Header values

    @Test(
        "a timeout has up to eight digits and a unit",
        arguments: [
            ("1H", .seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)), ("5u", .microseconds(5)),
            ("6n", .nanoseconds(6)), ("99999999H", .seconds(99_999_999 * 3600)), ("00000001S", .seconds(1)), ("0S", .zero),
        ] as [(String, Duration)])
    func timeout(_ text: String, _ expected: Duration) {
        #expect(GRPCTimeout.parse(Array(text.utf8).span) == expected)
    }

    @Test(
        "any other timeout is malformed",
        arguments: [
            "", "S", "1", "123456789S", "000000001S", "-1S", "+1S", " 1S", "1 S", "1S ", "1.5S", "1s", "1h", "1ms", "S1", "١S",
        ])
    func malformedTimeout(_ text: String) {
        #expect(GRPCTimeout.parse(Array(text.utf8).span) == nil)
    }

    @Test(
        "a message is percent-encoded",
        arguments: [
            ("", ""), ("The server stops.", "The server stops."), ("100%", "100%25"), ("a\nb\u{0}\u{7f}", "a%0Ab%00%7F"),
            ("~ ", "~ "), ("é ☃", "%C3%A9 %E2%98%83"),
            // The interop test special_status_message.
            (
                "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
                "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A"
            ),
        ])
    func percentEncoding(_ text: String, _ expected: String) {
        var value: [UInt8] = []
        GRPCHeaderValues.appendPercentEncoded(Array(text.utf8).span, to: &value)
        #expect(String(decoding: value, as: UTF8.self) == expected)
    }

    @Test(
        "binary values are Base64 without padding",
        arguments: [
            ([], ""), ([0x66], "Zg"), ([0x66, 0x6f], "Zm8"), ([0x66, 0x6f, 0x6f], "Zm9v"), ([0x66, 0x6f, 0x6f, 0x62], "Zm9vYg"),
            ([0xff, 0xff, 0xff], "////"), ([0xfb, 0xef, 0xbe], "++++"), ([0, 0], "AAA"), ([0xfb], "+w"),
        ] as [([UInt8], String)])
    func base64(_ bytes: [UInt8], _ expected: String) {
        var value: [UInt8] = []
        GRPCHeaderValues.appendBase64(bytes.span, to: &value)
        #expect(String(decoding: value, as: UTF8.self) == expected)
    }
}
