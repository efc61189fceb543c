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
