import DoormanCore
import DoormanSupport
import Testing

@Suite("Descriptions contain no token or code")
struct SecretsTests {
    static let secret = "EMAWverysecretindeed"

    /// The values that can contain a token or a code.
    static let holders: [any Sendable] = [
        Token(secret),
        AuthorizationCode(secret),
        VerificationRequest(token: Token(secret), applicationID: "1", maxAge: .seconds(1)),
        ExchangeRequest(code: AuthorizationCode(secret)),
        RevocationRequest(.token(Token(secret))),
        ExchangeVerdict.issued(Token(secret), nil),
        [Token(secret)],
        ["key": Token(secret)],
        Optional(Token(secret)) as any Sendable,
    ]

    @Test("no token or code is in any textual form of a value", arguments: holders.indices)
    func isRedacted(_ index: Int) {
        let holder = Self.holders[index]
        var dumped = ""
        dump(holder, to: &dumped)
        var printed = ""
        print(holder, to: &printed)
        var debugPrinted = ""
        debugPrint(holder, to: &debugPrinted)
        let texts = [
            dumped, printed, debugPrinted, "\(holder)", String(reflecting: holder), String(describing: Mirror(reflecting: holder)),
        ]
        for text in texts {
            #expect(!text.contains(Self.secret))
            #expect(!text.contains("69"), "the first byte in decimal: \(text)")
        }
        #expect(dumped.contains("(20 bytes)"))
    }

    @Test("the mirror of a token has no children")
    func mirror() {
        #expect(Mirror(reflecting: Token(Self.secret)).children.isEmpty)
        #expect(Mirror(reflecting: AuthorizationCode(Self.secret)).children.isEmpty)
    }

    @Test("the description contains the length")
    func description() {
        #expect("\(Token("EMAW"))" == "Token(4 bytes)")
        #expect(String(reflecting: AuthorizationCode("AQé")) == "AuthorizationCode(4 bytes)")
    }

    @Test("tokens with equal bytes are equal")
    func equality() {
        #expect(Token("EMAW") == Token(bytes: [0x45, 0x4d, 0x41, 0x57]))
        #expect(Token(bytes: [0]) != Token(bytes: [0, 0]))
        #expect(Set([Token("a"), Token("a"), Token("b")]).count == 2)
    }
}
