import StrictJSON
import Testing

@Suite("JSON")
struct JSONTests {
    @Test("reads every kind of value")
    func values() {
        let text = #" {"a":null,"b":[true,false],"c":-12,"d":1.5e3,"e":{"f":""},"g":9223372036854775808,"h":0} "# + "\r\n\t"
        let expected: [String: JSONValue] = [
            "a": .null, "b": .array([.bool(true), .bool(false)]), "c": .integer(-12), "d": .number("1.5e3"),
            "e": .object(["f": .string("")]), "g": .number("9223372036854775808"), "h": .integer(0),
        ]
        #expect(JSONValue(bytes: Array(text.utf8)) == .object(expected))
    }

    @Test("reads every escape")
    func escapes() {
        let text = #""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00é""#
        #expect(JSONValue(bytes: Array(text.utf8)) == .string("\"\\/\u{8}\u{c}\n\r\tAé😀é"))
    }

    @Test(
        "rejects text that is not JSON",
        arguments: [
            "", " ", "{", "}", "[", "]", "{]", "[1,]", "{,}", #"{"a":1,}"#, #"{"a"}"#, #"{"a":}"#, "{a:1}", "{'a':1}", "[1 2]",
            "nul",
            "True", "01", "-", "-01", "+1", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", #"""#, #""\x""#, #""\u12"#,
            #""\u12g4""#, #""\ud83d""#, #""\ud83dA""#, #""\ud83d\u0041""#, #""\ude00""#, "\"a\nb\"", "\"\u{0}\"", "1 1",
            #"{"a":1}x"#, #"{"a":1}{"a":1}"#, "\u{feff}{}", "// c\n1", #"{"a":1,"a":1}"#, #"{"a":1,"\u0061":2}"#,
        ])
    func malformed(text: String) {
        #expect(JSONValue(bytes: Array(text.utf8)) == nil)
    }

    @Test("rejects bytes that are not UTF-8", arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xc3]] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(JSONValue(bytes: [0x22] + bytes + [0x22]) == nil)
    }

    @Test("reads at most 32 levels of nesting")
    func depth() {
        func nested(_ depth: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
        }
        #expect(JSONValue(bytes: nested(32)) != nil)
        #expect(JSONValue(bytes: nested(33)) == nil)
        #expect(JSONValue(bytes: Array(repeating: UInt8(ascii: "["), count: 65_536)) == nil)
    }

    @Test(
        "a value is written as it was read, with the members of an object in the order of their names",
        arguments: [
            ("null", "null"), ("[ true , false ]", "[true,false]"), ("-12", "-12"), ("1.50e3", "1.50e3"),
            (#"{"b":{},"a":"\u0001\"\\\/é"}"#, #"{"a":"\u0001\"\\/é","b":{}}"#),
        ])
    func written(text: String, expected: String) throws {
        let value = try #require(JSONValue(bytes: Array(text.utf8)))
        #expect(value.text == expected)
        #expect(JSONValue(bytes: Array(value.text.utf8)) == value)
    }

    @Test(
        "a long member name is accepted if it is ASCII",
        arguments: [("a", 5000, true), ("\u{301}", 128, true), ("\u{301}", 129, false)])
    func longNames(text: String, count: Int, isAccepted: Bool) {
        let name = String(repeating: text, count: count)
        #expect((JSONValue(bytes: Array("{\"\(name)\":1}".utf8)) != nil) == isAccepted)
        #expect(JSONValue(bytes: Array("[\"\(name)\"]".utf8)) != nil)
    }
}
