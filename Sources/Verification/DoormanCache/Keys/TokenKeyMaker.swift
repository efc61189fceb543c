internal import DoormanCore
internal import DoormanCrypto
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Makes the keys of one process: HMAC-SHA-256 over purpose and token, under a key drawn at start. The key is of the token alone: which
/// provider knows it, and for which application it was made, are facts of the entry.
///
/// The purpose is length-prefixed and fills a whole block, which is hashed once, at start. The token comes last, so it needs no length: of
/// Account Kit's 166 bytes there are three blocks left to hash, not four.
package struct TokenKeyMaker: Sendable {
    private let tokens: HMACSHA256
    private let codes: HMACSHA256
    #if DEBUG
        /// How many keys of tokens were made, for the test that says how many a call takes.
        let tokenKeysMade = NIOLockedValueBox(0)
    #endif

    /// - Parameter secret: The key to make keys under; `nil` for 32 random bytes.
    /// - Throws: If the machine gives no random bytes. Nothing may start then.
    package init(secret: [UInt8]? = nil) throws {
        let hmac = HMACSHA256(key: try secret ?? RandomBytes.generate(count: 32))
        tokens = hmac.prepared(with: Self.prefix(purpose: "token"))
        codes = hmac.prepared(with: Self.prefix(purpose: "code"))
    }

    /// The key of a token. Takes no heap and no lock.
    package func key(forToken token: Span<UInt8>) -> TokenKey {
        #if DEBUG
            tokenKeysMade.withLockedValue { $0 += 1 }
        #endif
        return TokenKey(words: tokens.authenticationCode(for: token).words)
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

    private static func prefix(purpose: String) -> [UInt8] {
        let count = UInt32(purpose.utf8.count)
        var bytes = stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: count >> UInt32($0)) }
        bytes.append(contentsOf: purpose.utf8)
        let tail = bytes.count % HMACSHA256.blockSize
        return tail == 0 ? bytes : bytes + repeatElement(0, count: HMACSHA256.blockSize - tail)
    }
}
