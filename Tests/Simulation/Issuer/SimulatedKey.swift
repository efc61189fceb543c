internal import DoormanCore
internal import DoormanCrypto

/// A signing key of a ``SimulatedIssuer``. The keys are the same in each run, so that a seed plays the same history.
struct SimulatedKey: Sendable {
    /// The id, which no other key has.
    let id: String
    /// The key as a JSON Web Key.
    let json: String
    private let key: PrivateKey

    static let all = Result { try (1...6).map(SimulatedKey.init(number:)) }

    /// - Parameter number: The byte of which the private key consists.
    private init(number: UInt8) throws {
        id = "key-\(number)"
        // A private key in PKCS #8 (RFC 8410, section 7): 48 bytes, so that base64 needs no padding.
        let prefix: [UInt8] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]
        // The bytes are small, so that the text has none of the characters in which base64 and base64url differ.
        let text = base64URL(prefix + Array(repeating: number, count: 32))
        key = try PrivateKey(pem: Array("-----BEGIN PRIVATE KEY-----\n\(text)\n-----END PRIVATE KEY-----\n".utf8))
        guard case .ed25519(let x) = key.publicMembers else { throw PrivateKey.Failure.unsuitable }
        json = #"{"kty":"OKP","crv":"Ed25519","x":"\#(base64URL(x))","kid":"\#(id)"}"#
    }

    /// Signs a token of the simulated issuer.
    ///
    /// - Parameters:
    ///   - number: The number of the token, so that no two tokens are equal.
    ///   - id: The key id in the header; `nil` for the key's own.
    func token(_ number: Int, expiry: Timestamp, naming id: String? = nil) throws -> Token {
        let header = #"{"alg":"EdDSA","typ":"JWT","kid":"\#(id ?? self.id)"}"#
        let claims = [
            #""iss":"\#(SimulatedIssuer.url)""#, #""aud":"\#(SimulatedIssuer.audience)""#, #""sub":"\#(number)""#,
            #""exp":\#(expiry.millisecondsSince1970 / 1000)"#,
        ]
        let input = base64URL(Array(header.utf8)) + "." + base64URL(Array("{\(claims.joined(separator: ","))}".utf8))
        return Token(input + "." + base64URL(try key.signature(of: Array(input.utf8), with: .edDSA)))
    }
}

/// Base64url without padding (RFC 4648, section 5).
private func base64URL(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var characters: [UInt8] = []
    var (buffer, bits) = (0, 0)
    for byte in bytes {
        buffer = (buffer << 8 | Int(byte)) & 0xffff
        bits += 8
        while bits >= 6 {
            bits -= 6
            characters.append(alphabet[buffer >> bits & 63])
        }
    }
    if bits > 0 { characters.append(alphabet[buffer << (6 - bits) & 63]) }
    return String(decoding: characters, as: UTF8.self)
}
