internal import DoormanSupport
internal import NIOCore

/// A connection that was accepted and whose caller is known, before its protocol is.
package struct AcceptedConnection {
    let services: ConnectionServices
    let dispatcher: RequestDispatcher
    let caller: CallerContext
    /// Counts the connection among those of its caller. A new policy does not change it.
    let permit: ConnectionPermit
    let path: OutputPath
    /// Whether the connection came to a loopback address.
    package let isOnLoopback: Bool
    /// Whether the server began to drain before the connection was handed over.
    var drainBegan: DrainBegan?
    private let lifetime: ConnectionLifetime
    private let acceptedAt: Instant

    /// - Parameters:
    ///   - localAddress: The address that the peer connected to; `nil` if unknown.
    ///   - certificateLifetime: The time for which the caller's certificate is still valid; `nil` without a certificate.
    /// - Returns: `nil` if the caller has as many connections as it may.
    init?(
        services: ConnectionServices, dispatcher: RequestDispatcher, caller: CallerContext, path: OutputPath,
        localAddress: SocketAddress? = nil, certificateLifetime: Duration? = nil
    ) {
        guard let permit = ConnectionPermit(of: caller) else { return nil }
        self.permit = permit
        self.services = services
        self.dispatcher = dispatcher
        self.caller = caller
        self.path = path
        // No browser reaches a Unix socket.
        if case .unixDomainSocket? = localAddress { isOnLoopback = false } else { isOnLoopback = localAddress?.isLoopback ?? false }
        acceptedAt = services.backend.timeSource.now()
        // Connections that began together must not end together.
        let age = services.limits.maximumAge * Double.random(in: 0.9...1)
        lifetime = ConnectionLifetime(
            since: acceptedAt, limits: services.limits, maximumAge: age, certificateLifetime: certificateLifetime)
    }

    /// The limits of each connection.
    package var limits: ConnectionLimits { services.limits }

    /// Creates the state of the connection.
    func makeState() -> ConnectionState {
        ConnectionState(
            limits: services.limits, lifetime: lifetime, counters: dispatcher.counters, callerName: caller.counted.name,
            now: services.backend.timeSource.now())
    }

    /// Returns the handlers that serve the connection, in the order of the pipeline.
    ///
    /// - Parameter known: The protocol that ALPN has agreed on; `nil` if the first bytes tell it.
    /// - Returns: `nil` if the server does not speak the protocol.
    func makeHandlers(for known: ServerProtocol?) -> [any ChannelHandler]? {
        switch known {
        case nil: return [ConnectionHandler(self, DetectingConnection.init)]
        case .ttrpc where services.protocols.contains(.ttrpc): return [ConnectionHandler(self, TTRPCConnection.init)]
        case .ttrpc: return nil
        case .http1?, .http2?:
            guard let known, services.protocols.contains(known) else { return nil }
            return services.endpoints[known]?.makeHandlers(for: self)
        }
    }
}
