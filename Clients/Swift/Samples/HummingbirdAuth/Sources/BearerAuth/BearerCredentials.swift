import DoormanClient
import Hummingbird

/// What a request's `Authorization` header says, read as RFC 6750 (section 2.1) wants it. Pure.
enum BearerCredentials: Equatable {
    /// No header, or one of another scheme.
    case absent
    /// A header that is no good, whatever the token.
    case malformed
    case token(Token)

    /// - Parameter headers: All headers of the request. Two tokens are one too many: a proxy may have read the other.
    init(_ headers: HTTPFields) {
        let values = headers[values: .authorization]
        guard let value = values.first else {
            self = .absent
            return
        }
        guard values.count == 1 else {
            self = .malformed
            return
        }
        let parts = value.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.first?.lowercased() == "bearer" else {
            self = .absent
            return
        }
        let text = parts.dropFirst().first?.drop { $0 == " " } ?? ""
        self = Self.isToken(text) ? .token(Token(text)) : .malformed
    }

    /// The grammar's `b64token`: characters of either Base64 alphabet, and a few more, then padding.
    private static func isToken(_ text: Substring) -> Bool {
        let body = text.utf8.prefix { $0 != UInt8(ascii: "=") }
        return !body.isEmpty && body.allSatisfy(mayBeInToken)
            && text.utf8.dropFirst(body.count).allSatisfy { $0 == UInt8(ascii: "=") }
    }

    private static func mayBeInToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~+/".utf8.contains(byte)
        }
    }
}
