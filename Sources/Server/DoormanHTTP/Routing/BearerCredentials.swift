internal import DoormanSupport

/// What a value of the header `Authorization` says about a bearer token (RFC 6750, section 2.1).
enum BearerCredentials: Hashable {
    /// The maximum length of a token in bytes.
    static let maximumTokenBytes = 16 << 10

    /// Another scheme.
    case otherScheme
    /// The scheme is `Bearer`, but what follows is no token, or too long a one.
    case malformed
    /// The range of the token in the value.
    case token(Range<Int>)

    init(_ value: Span<UInt8>) {
        let scheme: StaticString = "bearer"
        var start = scheme.utf8CodeUnitCount
        guard value.hasPrefix(lowercase: scheme), value.count == start || value[start] == UInt8(ascii: " ") else {
            self = .otherScheme
            return
        }
        while start < value.count, value[start] == UInt8(ascii: " ") { start += 1 }
        let token = start..<value.count
        let isToken = (1...Self.maximumTokenBytes).contains(token.count) && Self.isToken(value.extracting(token))
        self = isToken ? .token(token) : .malformed
    }

    /// Whether the bytes are a `b64token`: letters, digits and `-._~+/`, then any number of `=`.
    private static func isToken(_ bytes: Span<UInt8>) -> Bool {
        var end = bytes.count
        while end > 0, bytes[end - 1] == UInt8(ascii: "=") { end -= 1 }
        guard end > 0 else { return false }
        // Sets of bits cost a third of comparisons with ranges, and tokens are long.
        let (low, high) = (tokenBytesBelow64, tokenBytesFrom64)
        for index in 0..<end {
            let byte = bytes[index]
            guard byte < 128, (byte < 64 ? low : high) &>> UInt64(byte & 63) & 1 == 1 else { return false }
        }
        return true
    }

    private static let tokenBytesBelow64 = bits(of: "0123456789-.+/", from: 0)
    private static let tokenBytesFrom64 = bits(of: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_~", from: 64)

    private static func bits(of characters: String, from first: UInt8) -> UInt64 {
        characters.utf8.reduce(0) { $0 | 1 << UInt64($1 - first) }
    }
}
