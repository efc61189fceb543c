import DoormanClient
import Hummingbird

/// The bearer token in a request's `Authorization` header (RFC 6750, section 2.1). Pure.
enum BearerCredentials: Equatable {
    /// No header, or one of another scheme.
    case absent
    /// Several headers, or a header with a malformed token.
    case malformed
    case token(Token)

    /// Parses the headers of a request. Two tokens are malformed, because a proxy may have checked the other one.
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

    /// Whether the text is a `b64token` of the grammar: characters of both Base64 alphabets, `.` and `~`, and then padding.
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
