internal import DoormanCore
internal import DoormanSupport
internal import NIOSSL

extension Caller {
    /// The longest URI that names a caller: that of a SPIFFE id.
    private static let longestURI = 2048
    /// The longest name in DNS (RFC 1035, 2.3.4).
    private static let longestDNSName = 255

    /// Whom a certificate names that was verified: its one URI, as SPIFFE has it, or else its first DNS name. The subject counts for
    /// nothing (RFC 6125, 6.4.4).
    ///
    /// - Returns: ``unknown`` for several URIs, since nobody can say which of them is meant, and for a name that could be taken for
    ///   another when it is printed or listed.
    static func named(by certificate: NIOSSLCertificate) -> Caller {
        let names = certificate._subjectAlternativeNames()
        let uris = names.filter { $0.nameType == .uri }
        guard uris.isEmpty else { return (uris.count == 1 ? Caller(uri: uris[0].contents) : nil) ?? .unknown }
        return names.first { $0.nameType == .dnsName }.flatMap { Caller(dnsName: $0.contents) } ?? .unknown
    }

    /// Nil unless it is a scheme and more, in visible ASCII, without the comma that ends a name in a list of callers. Compared byte by
    /// byte: what two URIs that are written differently have in common is not for a lock to judge.
    init?(uri: some Collection<UInt8>) {
        guard uri.count <= Self.longestURI, uri.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }),
            let first = uri.first, first.isASCIILetter, let colon = uri.firstIndex(of: UInt8(ascii: ":")),
            uri[..<colon].allSatisfy({ $0.isASCIILetterOrDigit || "+-.".utf8.contains($0) }), uri.index(after: colon) < uri.endIndex
        else { return nil }
        self.init(name: "uri:" + String(decoding: uri, as: UTF8.self))
    }

    /// Nil unless it is letters, digits, hyphens and underscores, in parts with a dot between. A wildcard names nobody.
    init?(dnsName: some Collection<UInt8>) {
        let labels = dnsName.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard dnsName.count <= Self.longestDNSName,
            labels.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCIILetterOrDigit || "-_".utf8.contains($0) } })
        else { return nil }
        self.init(name: "dns:" + String(decoding: dnsName, as: UTF8.self).lowercased())
    }
}

extension UInt8 {
    fileprivate var isASCIILetter: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }

    fileprivate var isASCIILetterOrDigit: Bool {
        isASCIILetter || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}
