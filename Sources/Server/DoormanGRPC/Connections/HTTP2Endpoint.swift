package import DoormanServer
package import NIOCore

/// Serves gRPC over HTTP/2.
package struct HTTP2Endpoint: ProtocolEndpoint {
    package init() {}

    package func makeHandlers(for connection: AcceptedConnection) -> [any ChannelHandler] {
        [ConnectionHandler(connection) { HTTP2Connection($0) }]
    }
}
