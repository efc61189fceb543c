package import NIOCore

/// Serves a further protocol on the server's listeners. The modules above this one provide those of HTTP.
package protocol ProtocolEndpoint: Sendable {
    /// Creates the handlers of a connection, in the order of the pipeline. The last one is a ``ConnectionHandler``.
    func makeHandlers(for connection: AcceptedConnection) -> [any ChannelHandler]
}
