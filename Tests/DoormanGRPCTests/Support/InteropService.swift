import DoormanHTTP
import DoormanServer
import DoormanSupport
import DoormanWire
import HTTP2Session
import NIOCore
import TestKit

@testable import DoormanGRPC

/// The unary methods of `grpc.testing.TestService` (grpc `doc/interop-test-descriptions.md`).
final class InteropService: FurtherMethods {
    private static let echoingHead = HTTP2HeadTemplate(
        [(":status", "200"), ("content-type", "application/grpc")], variables: ["x-grpc-test-echo-initial"])
    private static let echoingTrailers = HTTP2HeadTemplate([("grpc-status", "0")], variables: ["x-grpc-test-echo-trailing-bin"])

    func contains(_ path: Span<UInt8>) -> Bool {
        path.isEqual(to: "/grpc.testing.TestService/EmptyCall") || path.isEqual(to: "/grpc.testing.TestService/UnaryCall")
    }

    func response(to message: Span<UInt8>, of stream: HTTP2Stream, in session: HTTP2Session) -> [UInt8]? {
        guard stream.head.path.isEqual(to: "/grpc.testing.TestService/UnaryCall") else { return [] }
        let request = ProtobufFields(message.indices.map { message[$0] })
        if let status = request.bytes[7] { return ProtobufFields.field(1, status) }
        let payload = ProtobufFields.field(1, ProtobufFields.field(2, Array(repeating: 0, count: Int(request.numbers[2] ?? 0))))
        let head = stream.head
        guard let initial = head["x-grpc-test-echo-initial"], let trailing = head["x-grpc-test-echo-trailing-bin"] else {
            return ProtobufFields.field(2, payload)
        }
        var (responseHead, trailers) = (HTTP2ResponseHead(Self.echoingHead), HTTP2ResponseHead(Self.echoingTrailers))
        responseHead.append(initial)
        trailers.append(trailing)
        session.respond(to: stream, responseHead, body: GRPCRequest.frame(payload).span, trailers: trailers)
        return nil
    }
}

/// An endpoint of HTTP/2 with the service for interoperability tests.
struct InteropEndpoint: ProtocolEndpoint {
    func makeHandlers(for connection: AcceptedConnection) -> [any ChannelHandler] {
        [
            ConnectionHandler(connection) {
                HTTP2Connection(
                    $0, HTTPRouter(ReloadableHTTPConfiguration()), isOnLoopback: connection.isOnLoopback, further: InteropService())
            }
        ]
    }
}
