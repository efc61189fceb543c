package import DoormanHTTP
package import DoormanServer
package import NIOCore

/// Serves gRPC and the HTTP API over HTTP/2.
package struct HTTP2Endpoint: ProtocolEndpoint {
    private let configuration: ReloadableHTTPConfiguration

    package init(_ configuration: ReloadableHTTPConfiguration) {
        self.configuration = configuration
    }

    package func makeHandlers(for connection: AcceptedConnection) -> [any ChannelHandler] {
        [
            ConnectionHandler(connection) {
                HTTP2Connection($0, HTTPRouter(configuration), isOnLoopback: connection.isOnLoopback)
            }
        ]
    }
}
