internal import NIOCore
package import NIOSSL

/// A subject alternative name (SAN) of a certificate.
package struct CertificateName: Sendable, Hashable {
    /// The kind of a name (RFC 5280, 4.2.1.6).
    package enum Kind: Sendable, Hashable {
        case dnsName
        /// 4 or 16 bytes.
        case ipAddress
        case uri
        case email
        case other
    }

    package let kind: Kind
    package let contents: [UInt8]

    package init(_ kind: Kind, _ contents: [UInt8]) {
        self.kind = kind
        self.contents = contents
    }

    /// Returns the subject alternative names of a certificate, in its order.
    package static func all(of certificate: NIOSSLCertificate) -> [CertificateName] {
        certificate._subjectAlternativeNames().map { CertificateName(Kind($0.nameType), Array($0.contents)) }
    }
}

extension CertificateName: CustomStringConvertible {
    /// The maximum length of a name in a message.
    static let longestText = 80

    /// The kind and the name in visible ASCII, as in `DNS:doorman.internal`. Names come from the peer.
    package var description: String {
        switch kind {
        case .dnsName: "DNS:" + Self.visible(contents)
        case .ipAddress: "IP:" + Self.address(contents)
        case .uri: "URI:" + Self.visible(contents)
        case .email: "email:" + Self.visible(contents)
        case .other: "a name of another kind"
        }
    }

    /// Returns text with `?` in place of each byte that is not visible ASCII, and cut at ``longestText``.
    static func visible(_ bytes: some Collection<UInt8>) -> String {
        let text = bytes.prefix(longestText).map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: text, as: UTF8.self) + (bytes.count > longestText ? "…" : "")
    }

    private static func address(_ bytes: [UInt8]) -> String {
        (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0))?.ipAddress ?? "\(bytes.count) bytes"
    }
}

extension CertificateName.Kind {
    fileprivate init(_ type: _SubjectAlternativeName.NameType) {
        self =
            switch type {
            case .dnsName: .dnsName
            case .ipAddress: .ipAddress
            case .uri: .uri
            case .email: .email
            default: .other
            }
    }
}
