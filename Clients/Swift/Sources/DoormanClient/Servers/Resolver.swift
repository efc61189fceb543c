internal import DoormanPlatform
internal import NIOCore

/// Resolves a target to servers. The default is the system's resolver, `getaddrinfo(3)`. It blocks, so it runs outside of the event loop.
struct Resolver: Sendable {
    /// Resolves a name. Not called on an event loop.
    let lookUp: @Sendable (_ host: String, _ port: Int) throws(ConnectFailure) -> [SocketAddress]

    static let system = Resolver(lookUp: addresses)

    func servers(for target: DoormanTarget, on eventLoop: any EventLoop) -> EventLoopFuture<Result<[Server], ConnectFailure>> {
        if let known = Self.known(target) { return eventLoop.makeSucceededFuture(known) }
        return BlockingWork.run(on: eventLoop) { found(target) }
    }

    private func found(_ target: DoormanTarget) -> Result<[Server], ConnectFailure> {
        guard case .hostAndPort(let host, let port) = target.address else { return .success([]) }
        return Result { () throws(ConnectFailure) in try lookUp(host, port) }
            .map { $0.map { Server(address: $0, target: target) } }
    }

    /// Returns the servers of a target without a host name; `nil` if the target has a name.
    private static func known(_ target: DoormanTarget) -> Result<[Server], ConnectFailure>? {
        switch target.address {
        case .unixSocket(let path):
            guard let address = try? SocketAddress(unixDomainSocketPath: path) else { return .failure(.pathTooLong) }
            return .success([Server(address: address, target: target)])
        case .hostAndPort(let host, let port):
            guard (1...65535).contains(port) else { return .failure(.invalidPort) }
            guard let address = try? SocketAddress(ipAddress: host, port: port) else { return nil }
            return .success([Server(address: address, target: target)])
        }
    }
}

@Sendable
private func addresses(of host: String, _ port: Int) throws(ConnectFailure) -> [SocketAddress] {
    var hints = unsafe addrinfo()
    #if canImport(Glibc)
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
        unsafe hints.ai_socktype = SOCK_STREAM
    #endif
    var first: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host, String(port), &hints, &first)
    guard code == 0 else { throw code == EAI_NONAME ? .noSuchName : .lookUpFailed(unsafe String(cString: gai_strerror(code))) }
    defer { unsafe freeaddrinfo(first) }
    var found: [SocketAddress] = []
    var next = unsafe first
    while let info = unsafe next?.pointee {
        if let address = unsafe SocketAddress(info), !found.contains(address) { found.append(address) }
        unsafe next = info.ai_next
    }
    guard !found.isEmpty else { throw .noSuchName }
    return found
}

extension SocketAddress {
    fileprivate init?(_ info: addrinfo) {
        guard let address = unsafe info.ai_addr else { return nil }
        switch unsafe info.ai_family {
        case AF_INET:
            let bound = unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self)
            self.init(bound)
        case AF_INET6:
            let bound = unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self)
            self.init(bound)
        default: return nil
        }
    }
}
