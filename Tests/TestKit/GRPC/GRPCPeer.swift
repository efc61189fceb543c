/// A client of gRPC over a socket.
package final class GRPCPeer {
    private let client = HTTP2Client()
    private let socket: RawPeer

    private init(_ socket: RawPeer) {
        self.socket = socket
    }

    /// Connects to a TCP port of this machine.
    package static func connect(port: Int) throws -> GRPCPeer {
        GRPCPeer(try RawPeer.connect(port: port))
    }

    /// Sends a request.
    ///
    /// - Returns: The number of its stream.
    @discardableResult
    package func begin(_ headers: [(String, String)], _ body: [UInt8]) async throws -> Int32 {
        let id = client.request(headers, body: body)
        try await socket.send(client.output())
        return id
    }

    /// Sends a request and returns its response, once its stream has ended.
    package func call(_ headers: [(String, String)], _ body: [UInt8]) async throws -> GRPCResponse {
        let id = try await begin(headers, body)
        while client.responses[id]?.closeCode == nil {
            client.receive(try await socket.readAvailable())
            try await socket.send(client.output())
        }
        return GRPCResponse(client.responses[id] ?? HTTP2Client.Response())
    }
}
