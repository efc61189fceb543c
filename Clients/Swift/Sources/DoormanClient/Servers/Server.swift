internal import NIOCore

/// One server: where it is, and by what name it was asked for.
struct Server: Sendable, Hashable {
    let address: SocketAddress
    let target: DoormanTarget

    /// The host as it was given, if that is a name.
    var hostName: String? { target.hostName }
}

extension Server: CustomStringConvertible {
    var description: String {
        guard hostName != nil, let ip = address.ipAddress else { return target.description }
        return "\(target) (\(ip))"
    }
}
