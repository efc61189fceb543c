import DoormanHTTP
import DoormanServer
import DoormanWire
import HTTP2Session
import NIOCore

@testable import DoormanGRPC

/// The unary methods of `grpc.testing.TestService` (grpc `doc/interop-test-descriptions.md`).
final class InteropService: FurtherMethods {
    private static let echoingHead = HTTP2HeadTemplate(
        [(":status", "200"), ("content-type", "application/grpc")], variables: ["x-grpc-test-echo-initial"])
    private static let echoingTrailers = HTTP2HeadTemplate([("grpc-status", "0")], variables: ["x-grpc-test-echo-trailing-bin"])

    func contains(_ path: Span<UInt8>) -> Bool {
        path.equals("/grpc.testing.TestService/EmptyCall") || path.equals("/grpc.testing.TestService/UnaryCall")
    }

    func response(to message: Span<UInt8>, of stream: HTTP2Stream, in session: HTTP2Session) -> [UInt8]? {
        guard stream.head.path.equals("/grpc.testing.TestService/UnaryCall") else { return [] }
        let request = Fields(message.indices.map { message[$0] })
        if let status = request.bytes[7] { return Fields.field(1, status) }
        let payload = Fields.field(1, Fields.field(2, Array(repeating: 0, count: Int(request.numbers[2] ?? 0))))
        let head = stream.head
        guard let initial = head["x-grpc-test-echo-initial"], let trailing = head["x-grpc-test-echo-trailing-bin"] else {
            return Fields.field(2, payload)
        }
        var (responseHead, trailers) = (HTTP2ResponseHead(Self.echoingHead), HTTP2ResponseHead(Self.echoingTrailers))
        responseHead.append(initial)
        trailers.append(trailing)
        session.respond(to: stream, responseHead, body: Request.frame(payload).span, trailers: trailers)
        return nil
    }

    /// The fields of a message of protobuf: numbers, and bytes.
    private struct Fields {
        var numbers: [UInt64: UInt64] = [:]
        var bytes: [UInt64: [UInt8]] = [:]

        init(_ message: [UInt8]) {
            var rest = message[...]
            while !rest.isEmpty {
                let key = Self.varint(&rest)
                let value = Self.varint(&rest)
                if key & 7 == 2 {
                    bytes[key >> 3] = Array(rest.prefix(Int(value)))
                    rest = rest.dropFirst(Int(value))
                } else {
                    numbers[key >> 3] = value
                }
            }
        }

        private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64 {
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while let byte = rest.popFirst() {
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { break }
                shift += 7
            }
            return value
        }

        static func field(_ number: UInt8, _ value: [UInt8]) -> [UInt8] {
            var (bytes, length) = ([number << 3 | 2], value.count)
            while length >= 0x80 {
                bytes.append(UInt8(length & 0x7f) | 0x80)
                length >>= 7
            }
            return bytes + [UInt8(length)] + value
        }
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
