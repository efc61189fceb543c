internal import NIOCore

/// The name that a server's certificate must have: a DNS name or an IP address.
///
/// NIOSSL's own check is too lax for a client that expects a name. It accepts an IP SAN that equals the address of the socket, part of a
/// label as a wildcard, and without any SAN the common name (RFC 9525, section 2, rules it out).
package struct ServerName: Sendable, Hashable {
    private enum Form: Sendable, Hashable {
        /// The labels in lower case.
        case dnsName([[UInt8]])
        case ipAddress([UInt8])
        /// The text is neither. No certificate matches it.
        case invalid
    }

    private let text: String
    private let form: Form

    /// - Parameter text: A DNS name, with or without a trailing dot, or an IP address without brackets.
    package init(_ text: String) {
        self.text = text
        if let address = Self.addressBytes(text) {
            form = .ipAddress(address)
        } else if let labels = Self.labels(text) {
            form = .dnsName(labels)
        } else {
            form = .invalid
        }
    }

    /// The name for the server name indication; `nil` for an IP address, which has no place in it (RFC 6066, section 3).
    package var indication: String? {
        switch form {
        case .dnsName(let labels): labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
        case .ipAddress: nil
        case .invalid: text
        }
    }

    /// Whether it is a DNS name or an IP address.
    package var isValid: Bool { form != .invalid }

    /// Returns whether a certificate with these subject alternative names is for this server.
    ///
    /// A DNS name matches DNS names only, and an IP address matches IP addresses only. A wildcard is the whole left-most label, followed by
    /// another label. It matches exactly one label, which must not be internationalized (`xn--…`).
    package func matches(_ names: [CertificateName]) -> Bool {
        names.contains { name in
            switch (form, name.kind) {
            case (.dnsName(let labels), .dnsName): Self.matches(labels, name.contents)
            case (.ipAddress(let address), .ipAddress): name.contents == address
            default: false
            }
        }
    }

    private static func matches(_ labels: [[UInt8]], _ name: [UInt8]) -> Bool {
        let pattern = name.map(\.asciiLowercased).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard pattern.count == labels.count else { return false }
        guard pattern[0].elementsEqual("*".utf8) else { return zip(pattern, labels).allSatisfy { $0.elementsEqual($1) } }
        return pattern.count > 1 && !labels[0].starts(with: "xn--".utf8)
            && zip(pattern, labels).dropFirst().allSatisfy { $0.elementsEqual($1) }
    }

    /// Returns the labels in lower case; `nil` unless the text is a DNS name.
    private static func labels(_ text: String) -> [[UInt8]]? {
        var name = text.utf8.map(\.asciiLowercased)
        if name.last == UInt8(ascii: ".") { name.removeLast() }
        let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard name.count <= 253,
            labels.allSatisfy({ (1...63).contains($0.count) && $0.allSatisfy(\.isLowercaseOrDigitOrHyphen) }),
            // No top-level domain is a number (RFC 3696, section 2), but resolvers take 127.1 for an address.
            let last = labels.last, !last.allSatisfy(\.isDigit)
        else { return nil }
        return labels.map { Array($0) }
    }

    private static func addressBytes(_ text: String) -> [UInt8]? {
        // The parser of addresses is C's, and would stop at a NUL.
        guard !text.utf8.contains(0) else { return nil }
        switch try? SocketAddress(ipAddress: text, port: 0) {
        case .v4(let address)?:
            var bytes = address.address.sin_addr
            return unsafe withUnsafeBytes(of: &bytes) { unsafe Array($0) }
        case .v6(let address)?:
            var bytes = address.address.sin6_addr
            return unsafe withUnsafeBytes(of: &bytes) { unsafe Array($0) }
        case .unixDomainSocket?, nil: return nil
        }
    }
}

extension ServerName: CustomStringConvertible {
    package var description: String { CertificateName.visible(text.utf8) }
}

extension UInt8 {
    fileprivate var asciiLowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }

    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    fileprivate var isLowercaseOrDigitOrHyphen: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) || isDigit || self == UInt8(ascii: "-")
    }
}
