import AccountKit
import DoormanCore
import Testing

@Suite("Syntax of tokens and codes")
struct SyntaxTests {
    @Test("a token of letters and digits has a valid syntax", arguments: ["EMAWxyz09", "a", "EA", "AAA", "Q"])
    func possibleToken(text: String) {
        #expect(TokenSyntax.rejection(of: Array(text.utf8), maximumBytes: 1024) == nil)
    }

    @Test(
        "the rejection of an invalid token names what is wrong with it",
        arguments: [
            ("", "empty"), (String(repeating: "a", count: 1025), "1024 bytes"), ("AA|123|secret", "app access token"),
            ("EAAGm0PX4ZCps", "Facebook Login"), ("AQabc_-", "authorization code"), ("EMAW abc", "characters"),
            ("EMAWabc\n", "characters"), ("EMAW|abc", "characters"), ("EMAWé", "characters"), ("EMAW\0", "characters"),
            (#"["EMAWabc"]"#, "characters"), ("EMAW&appsecret_proof=1", "characters"),
        ])
    func impossibleToken(text: String, word: String) throws {
        let rejection = try #require(TokenSyntax.rejection(of: Array(text.utf8), maximumBytes: 1024))
        #expect(rejection.reason == .malformedToken)
        #expect(rejection.message.contains(word))
        #expect(!rejection.isCacheable)
    }

    @Test("a code is base64url that begins with AQ")
    func code() {
        #expect(CodeSyntax.rejection(of: Array("AQabcXYZ019_-".utf8), maximumBytes: 1024) == nil)
        for text in ["", "EMAWabc", "aqabc", "AQ+/", "AQ==", "AQ a", "AA|1|2", "AQ" + String(repeating: "a", count: 1023)] {
            #expect(CodeSyntax.rejection(of: Array(text.utf8), maximumBytes: 1024)?.reason == .malformedToken, "\(text)")
        }
    }
}
