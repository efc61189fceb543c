import NIOCore
import Testing

@testable import RedisStore

@Suite("Decoding replies")
struct RESPDecoderTests {
    /// A reply of each form, from the specification of RESP3.
    static let vectors: [(bytes: String, value: RESPValue)] = [
        ("+OK\r\n", .simpleString(bytes("OK"))),
        ("+\r\n", .simpleString([])),
        ("-ERR unknown command 'asdf'\r\n", .error(bytes("ERR unknown command 'asdf'"))),
        (":0\r\n", .integer(0)), (":1000\r\n", .integer(1000)), (":+7\r\n", .integer(7)), (":-7\r\n", .integer(-7)),
        (":-9223372036854775808\r\n", .integer(.min)), (":9223372036854775807\r\n", .integer(.max)),
        ("$5\r\nhello\r\n", .bulkString(bytes("hello"))),
        ("$0\r\n\r\n", .bulkString([])),
        ("$4\r\na\r\nb\r\n", .bulkString(bytes("a\r\nb"))),
        ("$-1\r\n", .null), ("*-1\r\n", .null), ("_\r\n", .null),
        ("#t\r\n", .boolean(value: true)), ("#f\r\n", .boolean(value: false)),
        (",1.23\r\n", .double(bytes("1.23"))), (",10\r\n", .double(bytes("10"))), (",-1.5E+10\r\n", .double(bytes("-1.5E+10"))),
        (",inf\r\n", .double(bytes("inf"))), (",-inf\r\n", .double(bytes("-inf"))), (",nan\r\n", .double(bytes("nan"))),
        ("(3492890328409238509324850943850943825024385\r\n", .bigNumber(bytes("3492890328409238509324850943850943825024385"))),
        ("!21\r\nSYNTAX invalid syntax\r\n", .error(bytes("SYNTAX invalid syntax"))),
        ("=15\r\ntxt:Some string\r\n", .bulkString(bytes("Some string"))),
        ("*0\r\n", .array([])), ("%0\r\n", .map([])), ("~0\r\n", .set([])),
        ("*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n", .array([.bulkString(bytes("hello")), .bulkString(bytes("world"))])),
        (
            "*3\r\n:1\r\n*2\r\n+Hello\r\n-World\r\n*0\r\n",
            .array([.integer(1), .array([.simpleString(bytes("Hello")), .error(bytes("World"))]), .array([])])
        ),
        (
            "%2\r\n+first\r\n:1\r\n+second\r\n:2\r\n",
            .map([.simpleString(bytes("first")), .integer(1), .simpleString(bytes("second")), .integer(2)])
        ),
        ("~2\r\n+orange\r\n#t\r\n", .set([.simpleString(bytes("orange")), .boolean(value: true)])),
        (">2\r\n+pubsub\r\n+message\r\n", .push([.simpleString(bytes("pubsub")), .simpleString(bytes("message"))])),
        // An attribute before a reply, and within one.
        ("|1\r\n+key-popularity\r\n%1\r\n$1\r\na\r\n,0.19\r\n*1\r\n:2039123\r\n", .array([.integer(2_039_123)])),
        ("*2\r\n:1\r\n|1\r\n+ttl\r\n:3600\r\n:2\r\n", .array([.integer(1), .integer(2)])),
        ("|0\r\n:5\r\n", .integer(5)),
    ]

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// Decodes bytes in parts of a size.
    private static func decode(_ bytes: [UInt8], inPartsOf size: Int = .max) throws(RESPError) -> [RESPValue] {
        var decoder = RESPDecoder()
        var replies: [RESPValue] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            decoder.append(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let reply = try decoder.next() { replies.append(reply) }
        }
        return replies
    }

    private static func error(of text: String) -> RESPError? {
        do throws(RESPError) {
            _ = try decode(bytes(text))
            return nil
        } catch {
            return error
        }
    }

    @Test("every form of a reply is decoded", arguments: vectors.indices)
    func forms(_ index: Int) throws {
        let vector = Self.vectors[index]
        #expect(try Self.decode(Self.bytes(vector.bytes)) == [vector.value])
    }

    @Test("the parts in which bytes arrive do not matter", arguments: [1, 2, 3, 7, 64])
    func splits(_ size: Int) throws {
        let bytes = Self.bytes(Self.vectors.map(\.bytes).joined())
        #expect(try Self.decode(bytes, inPartsOf: size) == Self.vectors.map(\.value))
    }

    @Test("an unfinished reply is no reply", arguments: vectors.indices)
    func unfinished(_ index: Int) throws {
        let bytes = Self.bytes(Self.vectors[index].bytes)
        for count in 0..<bytes.count { #expect(try Self.decode(Array(bytes.prefix(count))).isEmpty) }
    }

    @Test(
        "malformed bytes are an error",
        arguments: [
            ":\r\n", ":1.5\r\n", ":9223372036854775808\r\n", ":1\n", ":1\rx\r\n", "#x\r\n", "_x\r\n", ",1.\r\n", ",.5\r\n",
            ",0x1\r\n",
            ",1e\r\n", ",\r\n", "(\r\n", "(1x\r\n", "$\r\n", "$-2\r\n", "$+1\r\n", "$1x\r\n", "$1\r\nab\r\n", "$1\r\na\rb",
            "=3\r\ntxt\r\n",
            "=4\r\ntext\r\n", "!-1\r\n", "%-1\r\n", "*1.0\r\n", "*99999999999999999999\r\n", "\n", "\r\n", "+a\rb\r\n",
        ])
    func malformed(_ text: String) {
        let error = Self.error(of: text)
        #expect(error == (text.first == "\n" || text.first == "\r\n" ? .unknownType(text.utf8.first ?? 0) : .malformed))
    }

    @Test(
        "a reply of another protocol says which", arguments: [("HTTP/1.1 400", "HTTP"), ("SSH-2.0", "SSH"), ("\u{15}\u{3}", "TLS")])
    func otherProtocol(_ start: String, _ name: String) throws {
        let error = try #require(Self.error(of: start))
        #expect(error.description.contains("speaks \(name)"))
    }

    @Test("streamed strings and aggregates are an error", arguments: ["$?\r\n", "*?\r\n", "%?\r\n"])
    func streamed(_ text: String) {
        #expect(Self.error(of: text) == .streamed)
    }

    @Test("an error is thrown again, whatever follows")
    func errorStays() {
        var decoder = RESPDecoder()
        decoder.append(ByteBuffer(string: "?"))
        #expect(throws: RESPError.unknownType(UInt8(ascii: "?"))) { try decoder.next() }
        decoder.append(ByteBuffer(string: "+OK\r\n"))
        #expect(throws: RESPError.unknownType(UInt8(ascii: "?"))) { try decoder.next() }
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("a declared length above the limit is an error before its contents arrive")
    func declaredLengths() {
        #expect(Self.error(of: "$\(RESPDecoder.maximumBulk + 1)\r\n") == .bulkTooLong)
        #expect(Self.error(of: "$\(RESPDecoder.maximumBulk)\r\n") == nil)
        #expect(Self.error(of: "*\(RESPDecoder.maximumElements + 1)\r\n") == .tooManyElements)
        #expect(Self.error(of: "*\(RESPDecoder.maximumElements)\r\n") == nil)
        #expect(Self.error(of: "%\(RESPDecoder.maximumElements / 2 + 1)\r\n") == .tooManyElements)
        #expect(Self.error(of: "%999999999999999999\r\n") == .tooManyElements)
        #expect(Self.error(of: "*2\r\n*\(RESPDecoder.maximumElements - 1)\r\n") == .tooManyElements)
    }

    @Test("the depth of a reply has a limit")
    func depth() {
        let deepest = String(repeating: "*1\r\n", count: RESPDecoder.maximumDepth)
        #expect(Self.error(of: deepest + ":1\r\n") == nil)
        #expect(Self.error(of: deepest + "*1\r\n") == .tooDeep)
    }

    @Test("a line has a limit, with or without an end")
    func line() {
        let text = String(repeating: "a", count: RESPDecoder.maximumLine - 3)
        #expect(Self.error(of: "+\(text)\r\n") == nil)
        #expect(Self.error(of: "+\(text)a\r\n") == .lineTooLong)
        #expect(Self.error(of: "+\(text)aaa") == .lineTooLong)
    }

    @Test("the bytes of a reply have a limit, those of attributes included")
    func reply() {
        let string = "$\(RESPDecoder.maximumBulk)\r\n" + String(repeating: "a", count: RESPDecoder.maximumBulk) + "\r\n"
        let count = RESPDecoder.maximumReply / RESPDecoder.maximumBulk
        #expect(Self.error(of: "*\(count)\r\n" + String(repeating: string, count: count - 1)) == nil)
        #expect(Self.error(of: "*\(count)\r\n" + String(repeating: string, count: count)) == .replyTooLong)
        #expect(Self.error(of: String(repeating: "|1\r\n+key\r\n" + string, count: count)) == .replyTooLong)
        #expect(Self.error(of: String(repeating: string, count: count + 1)) == nil)
    }

    @Test("a limit is named in the text of its error")
    func texts() {
        #expect(RESPError.bulkTooLong.description.contains("\(RESPDecoder.maximumBulk) bytes"))
        #expect(RESPError.tooManyElements.description.contains("\(RESPDecoder.maximumElements) elements"))
        #expect(RESPError.tooDeep.description.contains("\(RESPDecoder.maximumDepth) levels"))
        #expect(RESPError.replyTooLong.description.contains("\(RESPDecoder.maximumReply) bytes"))
        #expect(RESPError.lineTooLong.description.contains("\(RESPDecoder.maximumLine) bytes"))
    }

    @Test("the decoder keeps no more than what has arrived of an unfinished string")
    func memory() throws {
        var decoder = RESPDecoder()
        for _ in 0..<100 {
            decoder.append(ByteBuffer(string: "$3\r\nabc\r\n$100\r\n"))
            #expect(try decoder.next() == .bulkString(Self.bytes("abc")))
            #expect(try decoder.next() == nil)
            #expect(decoder.bufferedBytes == 0 && decoder.isMidReply)
            decoder.append(ByteBuffer(string: String(repeating: "a", count: 100) + "\r\n"))
            #expect(try decoder.next() != nil)
            #expect(!decoder.isMidReply)
        }
    }

    @Test("an error has a code of capital letters only")
    func codes() {
        #expect(RESPValue.error(Self.bytes("NOPERM this user")).errorCode == "NOPERM")
        #expect(RESPValue.error(Self.bytes("OOM")).errorCode == "OOM")
        #expect(RESPValue.error(Self.bytes("secret123 x")).errorCode == "ERR")
        #expect(RESPValue.error([]).errorCode == "ERR")
        #expect(RESPValue.simpleString(Self.bytes("OOM")).errorCode == nil)
    }

    @Test("a command is an array of bulk strings")
    func command() {
        var buffer = ByteBuffer()
        let arguments = ["SET", "k\r\n", ""].map(Self.bytes)
        RESPCommand.write(arguments, to: &buffer)
        #expect(buffer.readableBytes <= RESPCommand.encodedSize(arguments))
        #expect(String(buffer: buffer) == "*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$0\r\n\r\n")
    }
}
