package import DoormanCore
internal import DoormanCrypto
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// Makes the cache keys of one process: SipHash-2-4 with 128 bits over a token, under a random key. Provider and application are no part of
/// the key, but facts of the entry.
///
/// A pseudorandom function is enough: no caller sees a hash, so callers can't find tokens with equal keys, and the key of the hash never leaves
/// the process, or the fleet whose secret it comes from. HMAC-SHA-256 took a third of a hit with many calls per read.
package struct TokenKeyMaker: Sendable {
    /// The length of a secret in bytes.
    package static let secretBytes = 2 * SipHash.keyBytes

    private let tokens: SipHash
    private let codes: SipHash
    #if DEBUG
        /// The number of token keys made so far. A test limits how many keys a call needs.
        let tokenKeysMade = NIOLockedValueBox(0)
    #endif

    /// - Parameter secret: The keys for tokens and for codes, ``secretBytes`` bytes together; `nil`, the default, for random ones. Another length
    ///   traps.
    /// - Throws: The error of the random number generator. The process must not start then.
    package init(secret: [UInt8]? = nil) throws {
        let secret = try secret ?? RandomBytes.generate(count: Self.secretBytes)
        precondition(secret.count == Self.secretBytes, "length of the secret of cache keys")
        tokens = SipHash(key: Array(secret[..<SipHash.keyBytes]))
        codes = SipHash(key: Array(secret[SipHash.keyBytes...]))
    }

    /// Returns the key of a token. Allocates nothing, and takes no lock.
    package func key(forToken token: Span<UInt8>) -> TokenKey {
        #if DEBUG
            tokenKeysMade.withLockedValue { $0 += 1 }
        #endif
        return TokenKey(words: tokens.hash(of: token))
    }

    /// Returns the key of an authorization code, and the provider and the application of its exchange.
    package func key(forCode code: Span<UInt8>, of target: ProviderTarget) -> TokenKey {
        var message: [UInt8] = []
        // Each name has its length before it, so that no two different calls are the same message.
        for name in [target.provider, target.applicationID] {
            message.append(name == nil ? 0 : 1)
            message.append(contentsOf: "\(name?.utf8.count ?? 0):".utf8)
            message.append(contentsOf: (name ?? "").utf8)
        }
        for index in code.indices { message.append(code[index]) }
        return TokenKey(words: codes.hash(of: message.span))
    }
}
