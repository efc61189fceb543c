internal import DoormanCore
internal import DoormanCrypto
package import DoormanSupport

/// Makes the keys of one process: HMAC-SHA-256 over purpose, provider and token, under a key drawn at start.
///
/// Purpose and provider are length-prefixed and fill whole blocks, which are hashed once, at start. The token comes last, so it needs
/// no length: of Account Kit's 166 bytes there are three blocks left to hash, not four.
package struct TokenKeyMaker: Sendable {
    private let tokens: HMACSHA256
    private let codes: HMACSHA256

    /// - Parameters:
    ///   - providerName: Tokens of two providers never share a key, even where their bytes are the same.
    ///   - secret: Nil for 32 random bytes.
    /// - Throws: If the machine gives no random bytes. Nothing may start then.
    package init(providerName: String, secret: [UInt8]? = nil) throws {
        let hmac = HMACSHA256(key: try secret ?? RandomBytes.generate(count: 32))
        tokens = hmac.prepared(with: Self.prefix(purpose: "token", providerName))
        codes = hmac.prepared(with: Self.prefix(purpose: "code", providerName))
    }

    /// The key of a token. Takes no heap and no lock.
    package func key(forToken token: Span<UInt8>) -> TokenKey {
        TokenKey(words: tokens.authenticationCode(for: token).words)
    }

    /// The key of an authorization code and the application it is to be exchanged for.
    package func key(forCode code: Span<UInt8>, applicationID: String?) -> TokenKey {
        let application = applicationID.map { Array($0.utf8) } ?? []
        let authenticationCode = codes.authenticationCode {
            $0.appendLengthPrefixed(code)
            $0.append(bigEndian: applicationID == nil ? 0 : 1)
            $0.appendLengthPrefixed(application.span)
        }
        return TokenKey(words: authenticationCode.words)
    }

    private static func prefix(purpose: String, _ providerName: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for part in [purpose, providerName] {
            let count = UInt32(part.utf8.count)
            for shift in stride(from: 24, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: count >> UInt32(shift)))
            }
            bytes.append(contentsOf: part.utf8)
        }
        let tail = bytes.count % HMACSHA256.blockSize
        return tail == 0 ? bytes : bytes + repeatElement(0, count: HMACSHA256.blockSize - tail)
    }
}
