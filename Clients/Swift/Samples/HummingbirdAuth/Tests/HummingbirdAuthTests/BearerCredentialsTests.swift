import DoormanClient
import Hummingbird
import Testing

@testable import BearerAuth

@Suite("Bearer tokens (RFC 6750)")
struct BearerCredentialsTests {
    @Test(
        "the scheme is case-insensitive, with any number of spaces after it",
        arguments: ["Bearer abc", "bearer abc", "BEARER abc", "bEaReR    abc"])
    func scheme(_ value: String) {
        #expect(BearerCredentials([.authorization: value]) == .token(Token("abc")))
    }

    @Test("a token can have all characters of the grammar", arguments: ["EMAWx1", "a-b.c_d~e+f/g", "a=", "a=="])
    func alphabet(_ text: String) {
        #expect(BearerCredentials([.authorization: "Bearer \(text)"]) == .token(Token(text)))
    }

    @Test("another scheme has no bearer token", arguments: ["Basic YTpi", "", "Bearerabc", "token abc"])
    func absent(_ value: String) {
        #expect(BearerCredentials([.authorization: value]) == .absent)
    }

    @Test("a request without a header has no bearer token")
    func noHeader() {
        #expect(BearerCredentials([:]) == .absent)
    }

    @Test(
        "text outside of the grammar is malformed",
        arguments: [
            "Bearer", "Bearer ", "Bearer  ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer ä", "Bearer a\tb",
        ])
    func malformed(_ value: String) {
        #expect(BearerCredentials([.authorization: value]) == .malformed)
    }

    @Test("two headers are malformed", arguments: [["Bearer a", "Bearer a"], ["Basic YTpi", "Bearer a"]])
    func two(_ values: [String]) {
        var headers = HTTPFields()
        headers[values: .authorization] = values
        #expect(BearerCredentials(headers) == .malformed)
    }
}
