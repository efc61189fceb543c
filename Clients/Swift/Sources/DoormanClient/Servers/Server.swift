internal import NIOCore

/// A server: its address, and the target that has this address.
struct Server: Sendable, Hashable {
    let address: SocketAddress
    let target: DoormanTarget

    /// The target's host if it is a name; `nil` if it is an address.
    var hostName: String? { target.hostName }
}

extension Server: CustomStringConvertible {
    var description: String {
        guard hostName != nil, let ip = address.ipAddress else { return target.description }
        return "\(target) (\(ip))"
    }
}
