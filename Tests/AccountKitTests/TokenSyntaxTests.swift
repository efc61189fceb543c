import AccountKit
import DoormanCore
import Testing

@Suite("Syntax of tokens and codes")
struct TokenSyntaxTests {
    @Test("a token of letters and digits may be one, however it begins", arguments: ["EMAWxyz09", "a", "EA", "AAA", "Q"])
    func possibleToken(text: String) {
        #expect(TokenSyntax.refusal(of: Array(text.utf8), maximumBytes: 1024) == nil)
    }

    @Test(
        "what can't be a token is refused, and called what it is",
        arguments: [
            ("", "empty"), (String(repeating: "a", count: 1025), "1024 bytes"), ("AA|123|secret", "app access token"),
            ("EAAGm0PX4ZCps", "Facebook Login"), ("AQabc_-", "authorization code"), ("EMAW abc", "characters"),
            ("EMAWabc\n", "characters"), ("EMAW|abc", "characters"), ("EMAWé", "characters"), ("EMAW\0", "characters"),
            (#"["EMAWabc"]"#, "characters"), ("EMAW&appsecret_proof=1", "characters"),
        ])
    func impossibleToken(text: String, word: String) throws {
        let refusal = try #require(TokenSyntax.refusal(of: Array(text.utf8), maximumBytes: 1024))
        #expect(refusal.reason == .malformedToken)
        #expect(refusal.message.contains(word))
        #expect(!refusal.isCacheable)
    }

    @Test("a code begins with AQ and is base64url")
    func code() {
        #expect(CodeSyntax.refusal(of: Array("AQabcXYZ019_-".utf8), maximumBytes: 1024) == nil)
        for text in ["", "EMAWabc", "aqabc", "AQ+/", "AQ==", "AQ a", "AA|1|2", "AQ" + String(repeating: "a", count: 1023)] {
            #expect(CodeSyntax.refusal(of: Array(text.utf8), maximumBytes: 1024)?.reason == .malformedToken, "\(text)")
        }
    }
}
