import AccountKit
import Testing

@Suite("JSON")
struct JSONTests {
    @Test("reads every kind of value")
    func values() {
        let text = #" {"a":null,"b":[true,false],"c":-12,"d":1.5e3,"e":{"f":""},"g":9223372036854775808,"h":0} "# + "\r\n\t"
        let expected: [String: JSONValue] = [
            "a": .null, "b": .array([.bool(true), .bool(false)]), "c": .integer(-12), "d": .number,
            "e": .object(["f": .string("")]), "g": .number, "h": .integer(0),
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

    @Test("a text with any byte changed does not crash the reader")
    func mutations() {
        let text = Array(Sample.phoneBody.utf8)
        for end in 0..<text.count { #expect(JSONValue(bytes: Array(text[..<end])) == nil) }
        for index in text.indices {
            for byte in [0, 0x22, 0x5c, 0x7b, 0x7d, 0x80, 0xff] as [UInt8] {
                var changed = text
                changed[index] = byte
                if case .object(let body)? = JSONValue(bytes: changed) { _ = MeResponse(body) }
            }
        }
    }
}
