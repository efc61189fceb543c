package import DoormanCore
internal import DoormanCrypto
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Makes the cache keys of one process: HMAC-SHA-256 over a purpose and a token, under a random key. Provider and application are
/// no part of the key, but facts of the entry.
///
/// The length-prefixed purpose fills a block of its own, which is hashed once at the start. The token comes last and needs no
/// length prefix, so Account Kit's 166 bytes take three blocks, not four.
package struct TokenKeyMaker: Sendable {
    private let tokens: HMACSHA256
    private let codes: HMACSHA256
    #if DEBUG
        /// The number of token keys made so far. A test limits how many keys a call needs.
        let tokenKeysMade = NIOLockedValueBox(0)
    #endif

    /// - Parameter secret: The HMAC key; `nil`, the default, for 32 random bytes.
    /// - Throws: The error of the random number generator. The process must not start then.
    package init(secret: [UInt8]? = nil) throws {
        let hmac = HMACSHA256(key: try secret ?? RandomBytes.generate(count: 32))
        tokens = hmac.prepared(with: Self.prefix(purpose: "token"))
        codes = hmac.prepared(with: Self.prefix(purpose: "code"))
    }

    /// Returns the key of a token. Allocates nothing, and takes no lock.
    package func key(forToken token: Span<UInt8>) -> TokenKey {
        #if DEBUG
            tokenKeysMade.withLockedValue { $0 += 1 }
        #endif
        return TokenKey(words: tokens.authenticationCode(for: token).words)
    }

    /// Returns the key of an authorization code, and the provider and the application of its exchange.
    package func key(forCode code: Span<UInt8>, of target: ProviderTarget) -> TokenKey {
        let names = [target.provider, target.applicationID]
        let authenticationCode = codes.authenticationCode {
            $0.appendLengthPrefixed(code)
            for name in names {
                $0.append(bigEndian: name == nil ? 0 : 1)
                $0.appendLengthPrefixed((name ?? "").utf8Span.span)
            }
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
