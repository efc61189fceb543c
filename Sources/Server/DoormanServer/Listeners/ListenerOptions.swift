private import Glibc
internal import NIOCore
internal import NIOPosix

extension ServerBootstrap {
    /// Notices peers that are gone without a word. Set on the listener, from which Linux has every accepted socket inherit it: so it
    /// costs no system call for each.
    func keepingAlive(_ keepalive: ServerSettings.Keepalive) -> ServerBootstrap {
        serverChannelOption(.socketOption(.so_keepalive), value: 1)
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .serverChannelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: keepalive.idle.rounded(to: .seconds(1)))
            .serverChannelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: keepalive.interval.rounded(to: .seconds(1)))
            .serverChannelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: .init(keepalive.probes))
            .serverChannelOption(
                .tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: keepalive.userTimeout.rounded(to: .milliseconds(1)))
    }
}

extension Duration {
    /// How many units it takes to cover it: what is left over takes another.
    fileprivate func rounded(to unit: Duration) -> ChannelOptions.Types.SocketOption.Value {
        .init((self / unit).rounded(.up))
    }
}

extension SocketAddress {
    /// Whether only this machine reaches what listens there. The addresses that stand for all (`0.0.0.0`, `::`) are not.
    var isLoopback: Bool {
        switch self {
        case .v4(let address):
            return UInt32(bigEndian: address.address.sin_addr.s_addr) >> 24 == 127
        case .v6(let address):
            var bytes = address.address.sin6_addr
            let all = unsafe withUnsafeBytes(of: &bytes) { unsafe Array($0) }
            let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF, 127]
            return all.starts(with: mapped) || all == Array(repeating: 0, count: 15) + [1]
        case .unixDomainSocket:
            return true
        }
    }
}

/// Why TCP is not listened on.
package struct PlaintextFromNetwork: Error, CustomStringConvertible {
    package init() {}

    package var description: String {
        "other machines reach this address, and there is no TLS: whoever is on the way could read tokens and answer in our place. Set "
            + "tls.certificate-file and tls.private-key-file, or listen on loopback or server.unix-socket, or take the risk with "
            + "server.allow-plaintext-from-network"
    }
}

extension ServerSettings.TCPAddress {
    /// Whether only this machine reaches it; nil for a name, which the resolver may give another meaning tomorrow.
    package var isLoopback: Bool? {
        (try? SocketAddress(ipAddress: host, port: port))?.isLoopback
    }
}
