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

    @Test("keys that differ in either word differ")
    func everyWordCounts() {
        let key = TokenKey(words: (1, 2))
        for other in [TokenKey(words: (9, 2)), TokenKey(words: (1, 9))] { #expect(key != other) }
        #expect(key == TokenKey(words: (1, 2)))
    }

    @Test("a secret makes the same keys in every process, and other keys for codes")
    func secret() throws {
        let secret = Array<UInt8>(0..<32)
        let (one, other) = (try TokenKeyMaker(secret: secret), try TokenKeyMaker(secret: secret))
        let token = Array("EMAW1".utf8)
        #expect(one.key(forToken: token.span) == other.key(forToken: token.span))
        for index in [0, 15] {
            var changed = secret
            changed[index] ^= 1
            #expect(try TokenKeyMaker(secret: changed).key(forToken: token.span) != one.key(forToken: token.span))
        }
    }

    /// Tokens as an attacker would vary them: a counter in any place, the length, and single bits.
    @Test("millions of related tokens have different keys, also in half of their bits")
    func relatedTokens() throws {
        let maker = try TokenKeyMaker()
        var keys: [UInt64] = []
        var halves: [UInt64] = []
        func add(_ token: [UInt8]) {
            let words = maker.key(forToken: token.span).words
            keys.append(words.0)
            halves.append(words.1)
        }
        let base = Array(repeating: UInt8(ascii: "A"), count: 166)
        let count = 500_000
        for place in [0, 3, 80, 158] {
            for number in 1...count {
                var token = base
                for byte in 0..<8 { token[place + byte] = UInt8(truncatingIfNeeded: number >> (8 * byte)) &+ token[place + byte] }
                add(token)
            }
        }
        for length in 0...4096 { add(Array(repeating: 0, count: length)) }
        for bit in 0..<base.count * 8 {
            var token = Array(repeating: UInt8(ascii: "Q"), count: base.count)
            token[bit / 8] ^= 1 << (bit % 8)
            add(token)
        }
        for values in [keys, halves] { #expect(Set(values).count == values.count) }
        #expect(keys.count > 2_000_000)
    }
}
