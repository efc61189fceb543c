private import Glibc
package import NIOCore
internal import NIOPosix

extension ServerBootstrap {
    /// Detects peers that disappeared without closing. Linux copies the options from the listener to accepted sockets, so that an
    /// accept costs no extra system call.
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
    /// Converts to a whole number of units, rounded up.
    fileprivate func rounded(to unit: Duration) -> ChannelOptions.Types.SocketOption.Value {
        .init((self / unit).rounded(.up))
    }
}

extension SocketAddress {
    /// Whether a listener on this address is reachable only from this machine. The wildcard addresses `0.0.0.0` and `::` are not
    /// loopback.
    package var isLoopback: Bool {
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

/// The error of a TCP listener that would serve other machines without TLS.
package struct PlaintextFromNetwork: Error, CustomStringConvertible {
    package init() {}

    package var description: String {
        "other machines can reach this address, and TLS is off: anyone on the network path could read tokens and forge responses. "
            + "Set tls.certificate-file and tls.private-key-file, listen on a loopback address or server.unix-socket, or accept the "
            + "risk with server.allow-plaintext-from-network"
    }
}

extension ServerSettings {
    /// Whether other machines may be able to connect. A host name counts as open.
    package var isOpenToTheNetwork: Bool {
        tcp.map { $0.isLoopback != true } ?? false || inheritedSockets.contains { !$0.isLoopback }
    }
}

extension ServerSettings.TCPAddress {
    /// Whether the address is reachable only from this machine; `nil` for a name, because name resolution can change.
    package var isLoopback: Bool? {
        let hosts = addressesOfBothFamilies ?? [host]
        return (try? SocketAddress(ipAddress: hosts[0], port: port))?.isLoopback
    }
}
