import DoormanClient
import Hummingbird
import Testing

@testable import BearerAuth

@Suite("A bearer token is read as RFC 6750 wants it")
struct BearerCredentialsTests {
    @Test(
        "whatever the scheme's case and the spaces after it",
        arguments: ["Bearer abc", "bearer abc", "BEARER abc", "bEaReR    abc"])
    func scheme(_ value: String) {
        #expect(BearerCredentials([.authorization: value]) == .token(Token("abc")))
    }

    @Test("in all of its alphabet", arguments: ["EMAWx1", "a-b.c_d~e+f/g", "a=", "a=="])
    func alphabet(_ text: String) {
        #expect(BearerCredentials([.authorization: "Bearer \(text)"]) == .token(Token(text)))
    }

    @Test("another scheme brings none", arguments: ["Basic YTpi", "", "Bearerabc", "token abc"])
    func absent(_ value: String) {
        #expect(BearerCredentials([.authorization: value]) == .absent)
    }

    @Test("no header brings none")
    func noHeader() {
        #expect(BearerCredentials([:]) == .absent)
    }

    @Test(
        "what can't be a token is malformed",
        arguments: [
            "Bearer", "Bearer ", "Bearer  ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer ä", "Bearer a\tb",
        ])
    func malformed(_ value: String) {
        #expect(BearerCredentials([.authorization: value]) == .malformed)
    }

    @Test("two headers are one too many", arguments: [["Bearer a", "Bearer a"], ["Basic YTpi", "Bearer a"]])
    func two(_ values: [String]) {
        var headers = HTTPFields()
        headers[values: .authorization] = values
        #expect(BearerCredentials(headers) == .malformed)
    }
}
