internal import DoormanSupport

/// Which URLs are asked at all: `https` to any host, and plain `http` to this machine alone, so that no secret ever crosses
/// a network unencrypted.
///
/// This is not a URL parser. It accepts only a narrow form on which every parser agrees (RFC 3986, appendix A, without
/// userinfo, fragment or anything that needs decoding in the host), because what is checked here is read again by libcurl.
package enum URLPolicy {
    /// The longest URL that is accepted: 8 KiB.
    package static let maximumBytes = 8192

    package static func accepts(_ url: String) -> Bool {
        let bytes = Array(url.utf8)
        guard bytes.count <= maximumBytes, bytes.allSatisfy(isPermitted) else { return false }
        if let rest = bytes[...].dropping("https://") {
            return authority(of: rest).flatMap(host) != nil
        }
        if let rest = bytes[...].dropping("http://"), let host = authority(of: rest).flatMap(host) {
            return isLoopback(host)
        }
        return false
    }

    /// Visible ASCII but for what parsers are known to disagree about.
    private static func isPermitted(_ byte: UInt8) -> Bool {
        byte.isVisibleASCII && !#"\"<>^`{}#@|"#.utf8.contains(byte)
    }

    private static func authority(of rest: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        return rest[..<end]
    }

    /// The host in an authority `host`, `host:port`, `[address]` or `[address]:port`; nil if it is none of them.
    private static func host(_ authority: ArraySlice<UInt8>) -> String? {
        let isBracketed = authority.first == UInt8(ascii: "[")
        let hostEnd: Int
        if isBracketed {
            guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            hostEnd = close + 1
        } else {
            hostEnd = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
        }
        let host = authority[..<hostEnd]
        let port = authority[hostEnd...]
        guard port.isEmpty || isPort(port) else { return nil }
        let inner = isBracketed ? host.dropFirst().dropLast() : host
        let permitted = isBracketed ? isAddressCharacter : isNameCharacter
        guard !inner.isEmpty, inner.allSatisfy(permitted) else { return nil }
        return String(decoding: host, as: UTF8.self).lowercased()
    }

    private static func isPort(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.first == UInt8(ascii: ":"), (2...6).contains(bytes.count) else { return false }
        guard bytes.dropFirst().allSatisfy(\.isASCIIDigit) else { return false }
        return UInt16(String(decoding: bytes.dropFirst(), as: UTF8.self)) != nil
    }

    /// `localhost` (which libcurl resolves to the loopback addresses itself), 127.0.0.0/8 in four decimal parts, `[::1]`.
    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy(isOctet)
    }

    /// A decimal number from 0 to 255 without a leading zero, which some take for octal.
    private static func isOctet(_ part: Substring) -> Bool {
        part.utf8.allSatisfy(\.isASCIIDigit) && UInt8(part) != nil && (part.utf8.count == 1 || part.utf8.first != UInt8(ascii: "0"))
    }

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        byte.isASCIIAlphanumeric || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    private static func isAddressCharacter(_ byte: UInt8) -> Bool {
        byte.isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20) || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: ".")
    }
}

extension ArraySlice<UInt8> {
    /// What follows the beginning, which is compared without regard to ASCII case; nil if this begins differently.
    fileprivate func dropping(_ beginning: String) -> ArraySlice<UInt8>? {
        String(decoding: prefix(beginning.utf8.count), as: UTF8.self).lowercased() == beginning
            ? dropFirst(beginning.utf8.count) : nil
    }
}
