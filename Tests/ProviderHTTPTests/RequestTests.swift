import ProviderHTTP
import Testing

@Suite("Requests")
struct RequestTests {
    @Test("a form is encoded so that no value ends its field")
    func form() {
        let fields: [PercentEncoding.Parameter] = [("a", Array("x&y=z".utf8)), ("b", []), ("c", [0, 255, 32, 43])]
        #expect(PercentEncoding.text(of: fields) == "a=x%26y%3Dz&b=&c=%00%FF%20%2B")
        #expect(
            HTTPRequest(.post, url: "https://example.com/", form: fields, isRepeatable: true).form
                == PercentEncoding.bytes(of: fields))
        #expect(PercentEncoding.text(of: []).isEmpty)
    }

    @Test(
        "header fields that would end their line are not valid",
        arguments: [
            ("x", "a\r\nHost: evil", false), ("x", "a\nb", false), ("x", "", false), ("x", "a\0b", false), ("x\r\ny", "a", false),
            ("x:y", "a", false), ("", "a", false), ("x", "ä", false), ("If-None-Match", #""abc""#, true), ("x", "a b", true),
        ])
    func headers(name: String, value: String, isValid: Bool) {
        #expect(HTTPHeaders(dictionaryLiteral: (name, value)).areValid == isValid)
    }

    @Test("header fields are in the order of their names")
    func order() {
        let headers: HTTPHeaders = ["b": "1", "A": "2", "c": "3"]
        #expect(headers.fields.map(\.name) == ["a", "b", "c"])
        #expect(headers.fields.map(\.value) == ["2", "1", "3"])
    }
}
