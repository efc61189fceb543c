internal import DoormanSupport

/// Decides which URLs may be requested: `https` to any host, and `http` to loopback addresses only.
///
/// So no secret crosses a network unencrypted. This is not a URL parser: libcurl parses the URL again. Only a narrow form is
/// accepted that every parser reads in the same way. It is RFC 3986, appendix A, without userinfo, fragment and encoded hosts.
package enum URLPolicy {
    /// The maximum length of a URL: 8 KiB.
    package static let maximumBytes = 8192

    /// Whether a URL may be requested.
    package static func accepts(_ url: String) -> Bool {
        let bytes = Array(url.utf8)
        guard bytes.count <= maximumBytes, bytes.allSatisfy(isPermitted) else { return false }
        if let rest = bytes[...].dropping("https://") {
            return authority(of: rest).flatMap(server) != nil
        }
        if let rest = bytes[...].dropping("http://"), let server = authority(of: rest).flatMap(server) {
            return isLoopback(server.host)
        }
        return false
    }

    /// Returns the host and the port of a URL that is allowed; `nil` for another one.
    static func server(of url: String) -> (host: String, port: Int?)? {
        guard accepts(url) else { return nil }
        let bytes = Array(url.utf8)
        guard let rest = bytes[...].dropping("https://") ?? bytes[...].dropping("http://") else { return nil }
        return authority(of: rest).flatMap(server)
    }

    /// Whether a byte is visible ASCII, and none that parsers are known to interpret differently.
    private static func isPermitted(_ byte: UInt8) -> Bool {
        byte.isVisibleASCII && !#"\"<>^`{}#@|"#.utf8.contains(byte)
    }

    private static func authority(of rest: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        return rest[..<end]
    }

    /// The host and the port of an authority `host`, `host:port`, `[address]` or `[address]:port`; `nil` if it has another form.
    private static func server(_ authority: ArraySlice<UInt8>) -> (host: String, port: Int?)? {
        let isBracketed = authority.first == UInt8(ascii: "[")
        let hostEnd: Int
        if isBracketed {
            guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            hostEnd = close + 1
        } else {
            hostEnd = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
        }
        let host = authority[..<hostEnd]
        let port = port(authority[hostEnd...])
        guard port != nil || hostEnd == authority.endIndex else { return nil }
        let inner = isBracketed ? host.dropFirst().dropLast() : host
        let permitted = isBracketed ? isAddressCharacter : isNameCharacter
        guard !inner.isEmpty, inner.allSatisfy(permitted) else { return nil }
        return (String(decoding: host, as: UTF8.self).lowercased(), port)
    }

    /// The number after a colon; `nil` if the text is anything else.
    private static func port(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.first == UInt8(ascii: ":"), (2...6).contains(bytes.count) else { return nil }
        guard bytes.dropFirst().allSatisfy(\.isASCIIDigit) else { return nil }
        return UInt16(String(decoding: bytes.dropFirst(), as: UTF8.self)).map(Int.init)
    }

    /// Whether a host is `localhost`, `[::1]`, or in 127.0.0.0/8. libcurl itself resolves `localhost` to the loopback addresses.
    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy(isOctet)
    }

    /// Whether a text is a number from 0 to 255, without a leading zero, which some parsers read as octal.
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
    /// The bytes after a prefix, which is compared without regard to ASCII case; `nil` without that prefix.
    fileprivate func dropping(_ prefix: String) -> ArraySlice<UInt8>? {
        String(decoding: self.prefix(prefix.utf8.count), as: UTF8.self).lowercased() == prefix
            ? dropFirst(prefix.utf8.count) : nil
    }
}
