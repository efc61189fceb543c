import DoormanCore
import DoormanSupport
import Testing

@Suite("Tokens and codes show nothing of themselves")
struct SecretsTests {
    static let secret = "EMAWverysecretindeed"

    /// Everything of ours that can hold a token or a code.
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

    @Test("printed, interpolated, dumped or reflected", arguments: holders.indices)
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

    @Test("a mirror has no children to walk through")
    func mirror() {
        #expect(Mirror(reflecting: Token(Self.secret)).children.isEmpty)
        #expect(Mirror(reflecting: AuthorizationCode(Self.secret)).children.isEmpty)
    }

    @Test("they say how long they are")
    func description() {
        #expect("\(Token("EMAW"))" == "Token(4 bytes)")
        #expect(String(reflecting: AuthorizationCode("AQé")) == "AuthorizationCode(4 bytes)")
    }

    @Test("they are equal by their bytes, which may be any")
    func equality() {
        #expect(Token("EMAW") == Token(bytes: [0x45, 0x4d, 0x41, 0x57]))
        #expect(Token(bytes: [0]) != Token(bytes: [0, 0]))
        #expect(Set([Token("a"), Token("a"), Token("b")]).count == 2)
    }
}
