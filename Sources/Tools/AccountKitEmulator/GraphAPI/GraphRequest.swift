internal import DoormanCore

/// A request as the Graph API sees it. Every parameter is in the query; there are no bodies.
package struct GraphRequest: Sendable {
    /// `GET`, `POST`, `DELETE` or another.
    package var method: String
    /// The segments of the path, without empty ones at its ends.
    package var path: [String]
    /// The parameters. The last one of a name counts, as in PHP.
    package var query: [String: String]
    /// Scheme and host as the caller sees them, for URLs in responses.
    package var origin: String

    /// Parses a request's target, such as `/v1.3/me?access_token=…`.
    ///
    /// A `+` is not decoded, so that `phone=+1555…` works as typed. A malformed percent escape is not decoded either.
    package init(method: String, target: String, origin: String = "http://127.0.0.1") {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self.method = method
        self.origin = origin
        path = parts[0].split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        if path.last == "" { path.removeLast() }
        query = [:]
        for parameter in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[Self.decodingPercents(pair[0])] = pair.count > 1 ? Self.decodingPercents(pair[1]) : ""
        }
    }

    private static func decodingPercents(_ text: Substring) -> String {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Returns the text with every byte escaped that is not a letter, a digit or one of `-._~`.
    static func escapingForQuery(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        let bytes = text.utf8.flatMap {
            plain.contains($0) ? [$0] : [UInt8(ascii: "%"), digits[Int($0 >> 4)], digits[Int($0 & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The query holds tokens and secrets, so printing and reflecting must not show it.
extension GraphRequest: Redacted {
    package var description: String { "GraphRequest(\(method))" }
}
