internal import DoormanCore
internal import DoormanSupport
private import Glibc
internal import NIOCore
internal import NIOSSL

extension Caller {
    /// The user of the process at the other end of a Unix socket's connection that was just accepted. Called on the channel's event
    /// loop, where the answer is there at once.
    static func ofProcess(behind channel: any Channel) -> EventLoopFuture<Caller> {
        guard let socket = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeSucceededFuture(.unknown)
        }
        // SO_PEERCRED of unix(7): who had the process's rights when it connected, as the kernel saw it.
        let credentials: EventLoopFuture<PeerCredentials> = socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return credentials.map { Caller(user: $0.user) ?? .unknown }
            .recover { _ in .unknown }
    }

    /// Nil if the address is not of IP. IPv4 within IPv6, as a listener on `::` sees it, is IPv4.
    init?(address: SocketAddress) {
        guard let text = address.ipAddress else { return nil }
        let mapped = "::ffff:"
        self.init(name: "ip:" + (text.hasPrefix(mapped) && text.contains(".") ? String(text.dropFirst(mapped.count)) : text))
    }

    /// Nil for what stands for no user (`(uid_t) -1`).
    fileprivate init?(user: UInt32) {
        guard user != .max else { return nil }
        self.init(name: "uid:\(user)")
    }

    /// The forms that ``init(parsing:)`` reads, for whoever has to be told.
    package static let forms =
        "ip:ADDRESS, uid:NUMBER, uri:URI and dns:NAME, such as ip:10.0.0.7, uid:1000, uri:spiffe://example.org/billing or "
        + "dns:billing.internal"

    /// Reads a name as an operator writes it: `ip:` and an address, `uid:` and a user's number, `uri:` or `dns:` and what is in the
    /// caller's certificate. However an address is written, it is one caller.
    ///
    /// - Returns: Nil for any other text.
    package init?(parsing text: some StringProtocol) {
        if text.hasPrefix("ip:") {
            guard let address = try? SocketAddress(ipAddress: String(text.dropFirst(3)), port: 0) else { return nil }
            self.init(address: address)
        } else if text.hasPrefix("uid:") {
            let digits = text.dropFirst(4)
            guard digits.utf8.allSatisfy(\.isASCIIDigit), let user = UInt32(digits) else { return nil }
            self.init(user: user)
        } else if text.hasPrefix("uri:") {
            self.init(uri: text.utf8.dropFirst(4))
        } else if text.hasPrefix("dns:") {
            self.init(dnsName: text.utf8.dropFirst(4))
        } else {
            return nil
        }
    }
}

/// `struct ucred` of unix(7), which Swift's Glibc does not show.
private struct PeerCredentials: Sendable {
    let process: Int32
    let user: UInt32
    let group: UInt32
}

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
        guard uri.count <= Self.longestURI, uri.allSatisfy({ $0.isVisibleASCII && $0 != UInt8(ascii: ",") }),
            let first = uri.first, first.isASCIILetter, let colon = uri.firstIndex(of: UInt8(ascii: ":")),
            uri[..<colon].allSatisfy({ $0.isASCIIAlphanumeric || "+-.".utf8.contains($0) }), uri.index(after: colon) < uri.endIndex
        else { return nil }
        self.init(name: "uri:" + String(decoding: uri, as: UTF8.self))
    }

    /// Nil unless it is letters, digits, hyphens and underscores, in parts with a dot between. A wildcard names nobody.
    init?(dnsName: some Collection<UInt8>) {
        let labels = dnsName.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard dnsName.count <= Self.longestDNSName,
            labels.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCIIAlphanumeric || "-_".utf8.contains($0) } })
        else { return nil }
        self.init(name: "dns:" + String(decoding: dnsName, as: UTF8.self).lowercased())
    }
}
