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
        for index in 0..<end where !isTokenByte(bytes[index]) { return false }
        return true
    }

    @inline(__always)
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
