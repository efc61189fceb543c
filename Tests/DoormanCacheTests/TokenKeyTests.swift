import DoormanCore
import DoormanSupport
import Testing

@testable import DoormanCache

@Suite("Token keys")
struct TokenKeyTests {
    @Test("a key depends on the token alone")
    func keyFollowsToken() throws {
        let maker = try TokenKeyMaker()
        let first = Array("EMAW1".utf8)
        let second = Array("EMAW2".utf8)
        #expect(maker.key(forToken: first.span) == maker.key(forToken: first.span))
        #expect(maker.key(forToken: first.span) != maker.key(forToken: second.span))
    }

    @Test("two processes give one token different keys")
    func keyIsOfItsProcess() throws {
        let token = Array("EMAW1".utf8)
        let one = try TokenKeyMaker().key(forToken: token.span)
        let other = try TokenKeyMaker().key(forToken: token.span)
        #expect(one != other)
    }

    @Test("a code's key depends on the application, where nil differs from empty")
    func codeKeyDependsOnApplication() throws {
        let maker = try TokenKeyMaker()
        let code = Array("AQcode".utf8)
        let keys: Set = [
            maker.key(forCode: code.span, of: ProviderTarget(applicationID: nil)),
            maker.key(forCode: code.span, of: ProviderTarget(applicationID: "")),
            maker.key(forCode: code.span, of: ProviderTarget(applicationID: "1")),
            maker.key(forCode: code.span, of: ProviderTarget(applicationID: "2")),
            maker.key(forToken: code.span),
        ]
        #expect(keys.count == 5)
    }

    @Test("keys that differ in any one word differ")
    func everyWordCounts() {
        let key = TokenKey(words: (1, 2, 3, 4))
        let others: [TokenKey] = [
            .init(words: (9, 2, 3, 4)), .init(words: (1, 9, 3, 4)), .init(words: (1, 2, 9, 4)), .init(words: (1, 2, 3, 9)),
        ]
        for other in others { #expect(key != other) }
        #expect(key == TokenKey(words: (1, 2, 3, 4)))
    }
}
