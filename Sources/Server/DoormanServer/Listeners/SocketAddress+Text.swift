package import NIOCore

extension SocketAddress {
    /// The address as the settings and the log have it: `127.0.0.1:7117`, `[::1]:7117`, or the path of a Unix socket.
    package var text: String {
        switch self {
        case .v4: "\(ipAddress ?? "?"):\(port ?? 0)"
        case .v6: "[\(ipAddress ?? "?")]:\(port ?? 0)"
        case .unixDomainSocket: pathname.map { $0.isEmpty ? "a Unix socket" : $0 } ?? "a Unix socket"
        }
    }
}
