internal import DoormanCore
package import DoormanSupport
private import Glibc
internal import NIOCore
internal import NIOSSL

extension Caller {
    /// Returns the user of the peer process of a Unix socket connection. Call it on the channel's event loop, where the future is
    /// already complete.
    static func ofProcess(behind channel: any Channel) -> EventLoopFuture<Caller> {
        guard let socket = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeSucceededFuture(.unknown)
        }
        // SO_PEERCRED of unix(7): the peer's credentials at the time of connect(2), as recorded by the kernel.
        let credentials: EventLoopFuture<PeerCredentials> = socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return credentials.map { Caller(user: $0.user) ?? .unknown }
            .recover { _ in .unknown }
    }

    /// Returns `nil` if the address is not an IP address. An IPv4-mapped IPv6 address, which a listener on `::` reports, becomes
    /// IPv4. All loopback addresses become `127.0.0.1`, since a process can choose among them.
    init?(address: SocketAddress) {
        guard let text = address.ipAddress else { return nil }
        let mapped = "::ffff:"
        let unmapped = text.hasPrefix(mapped) && text.contains(".") ? String(text.dropFirst(mapped.count)) : text
        let isLoopback = unmapped == "::1" || unmapped.hasPrefix("127.")
        self = isLoopback ? .loopback : Caller(name: "ip:" + unmapped)
    }

    /// Returns the caller that the limits count. For an IPv6 address it is the network with this prefix length, since its owner can choose
    /// any address of it.
    func counted(ipv6PrefixLength: Int) -> Caller {
        guard case .v6(let address)? = address else { return self }
        return Caller(networkOf: address, prefixLength: ipv6PrefixLength)
    }

    /// Returns the network of a caller that only its address names, or the network that it is counted as. The owner of the network can
    /// choose among many such callers.
    ///
    /// - Returns: `nil` for callers with another name, and for processes of this machine.
    package func network(ipv4PrefixLength: Int, ipv6PrefixLength: Int) -> Caller? {
        guard self != .loopback else { return nil }
        switch address {
        case .v4(let address)?: return Caller(networkOf: address, prefixLength: ipv4PrefixLength)
        case .v6(let address)?: return Caller(networkOf: address, prefixLength: ipv6PrefixLength)
        case .unixDomainSocket?, nil: return nil
        }
    }

    /// The name of all processes that connect over loopback.
    private static let loopback = Caller(name: "ip:127.0.0.1")

    /// The address in the name; `nil` if the name has no address.
    private var address: SocketAddress? {
        guard name.hasPrefix("ip:") else { return nil }
        return try? SocketAddress(ipAddress: String(name.dropFirst(3).prefix { $0 != "/" }), port: 0)
    }

    private init(networkOf address: SocketAddress.IPv4Address, prefixLength: Int) {
        let bytes = unsafe withUnsafeBytes(of: address.address.sin_addr) { unsafe Self.prefix($0, bits: prefixLength) }
        self.init(name: "ip:\(bytes.map(String.init).joined(separator: "."))/\(prefixLength)")
    }

    private init(networkOf address: SocketAddress.IPv6Address, prefixLength: Int) {
        let bytes = unsafe withUnsafeBytes(of: address.address.sin6_addr) { unsafe Self.prefix($0, bits: prefixLength) }
        let groups = stride(from: 0, to: bytes.count, by: 2).map {
            String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
        }
        self.init(name: "ip:\(groups.joined(separator: ":"))/\(prefixLength)")
    }

    /// Returns the bytes with all bits after the first `bits` cleared.
    private static func prefix(_ address: UnsafeRawBufferPointer, bits: Int) -> [UInt8] {
        var bytes = unsafe Array(address)
        for index in bytes.indices {
            let kept = min(max(bits - 8 * index, 0), 8)
            bytes[index] &= ~UInt8(truncatingIfNeeded: 0xff >> kept)
        }
        return bytes
    }

    /// Returns `nil` for `(uid_t) -1`, which stands for no user.
    fileprivate init?(user: UInt32) {
        guard user != .max else { return nil }
        self.init(name: "uid:\(user)")
    }

    /// The syntax that ``init(parsing:)`` accepts, for error messages.
    package static let forms =
        "ip:ADDRESS, uid:NUMBER, uri:URI and dns:NAME, such as ip:10.0.0.7, uid:1000, uri:spiffe://example.org/billing or "
        + "dns:billing.internal"

    /// Parses a caller name from a setting: `ip:` with an address, `uid:` with a user id, or `uri:` or `dns:` with a name from
    /// the caller's certificate. All spellings of an address give the same caller.
    ///
    /// - Returns: `nil` for any other text.
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

/// `struct ucred` of unix(7), which Swift's Glibc module does not export.
private struct PeerCredentials: Sendable {
    let process: Int32
    let user: UInt32
    let group: UInt32
}

extension Caller {
    /// The longest URI of a caller, in bytes: the maximum length of a SPIFFE ID.
    private static let longestURI = 2048
    /// The longest DNS name, in bytes (RFC 1035, 2.3.4).
    private static let longestDNSName = 255

    /// Returns the caller that a verified certificate names: its only URI as in SPIFFE, otherwise its first DNS name. The subject
    /// is ignored (RFC 6125, 6.4.4).
    ///
    /// - Returns: ``unknown`` for several URIs, which are ambiguous, and for a name that could look like another name in a log or
    ///   a list.
    static func named(by certificate: NIOSSLCertificate) -> Caller {
        let names = certificate._subjectAlternativeNames()
        let uris = names.filter { $0.nameType == .uri }
        guard uris.isEmpty else { return (uris.count == 1 ? Caller(uri: uris[0].contents) : nil) ?? .unknown }
        return names.first { $0.nameType == .dnsName }.flatMap { Caller(dnsName: $0.contents) } ?? .unknown
    }

    /// Returns `nil` unless the text is a scheme with a non-empty rest, in visible ASCII without a comma, which separates callers
    /// in a list. URIs are compared byte by byte: normalization could make two callers the same.
    init?(uri: some Collection<UInt8>) {
        guard uri.count <= Self.longestURI, uri.allSatisfy({ $0.isVisibleASCII && $0 != UInt8(ascii: ",") }),
            let first = uri.first, first.isASCIILetter, let colon = uri.firstIndex(of: UInt8(ascii: ":")),
            uri[..<colon].allSatisfy({ $0.isASCIIAlphanumeric || "+-.".utf8.contains($0) }), uri.index(after: colon) < uri.endIndex
        else { return nil }
        self.init(name: "uri:" + String(decoding: uri, as: UTF8.self))
    }

    /// Returns `nil` unless the text is dot-separated labels of letters, digits, hyphens and underscores. A wildcard names no
    /// caller.
    init?(dnsName: some Collection<UInt8>) {
        let labels = dnsName.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard dnsName.count <= Self.longestDNSName,
            labels.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCIIAlphanumeric || "-_".utf8.contains($0) } })
        else { return nil }
        self.init(name: "dns:" + String(decoding: dnsName, as: UTF8.self).lowercased())
    }
}
