package import DoormanCore
internal import DoormanSupport
package import DoormanWire
private import Foundation

/// A response of gRPC.
package struct GRPCResponse {
    package let http: HTTP2Client.Response

    package init(_ response: HTTP2Client.Response) {
        http = response
    }

    package var code: Int? { http["grpc-status"].flatMap { Int($0) } }
    package var message: String? { http["grpc-message"]?.removingPercentEncoding }
    package var retryMilliseconds: Int? { http["grpc-retry-pushback-ms"].flatMap { Int($0) } }

    /// Whether the response is one block of headers that ends the stream.
    package var isTrailersOnly: Bool { http.hasEnded && http.body.isEmpty && http[":status"] != nil && code != nil }

    /// The message without its frame; `nil` if the body is not one frame.
    package var payload: [UInt8]? {
        guard http.body.count >= 5, http.body[0] == 0 else { return nil }
        let length = http.body[1..<5].reduce(0) { $0 << 8 | Int($1) }
        return http.body.count == 5 + length ? Array(http.body.dropFirst(5)) : nil
    }

    package var identity: Identity? {
        guard code == 0, let payload else { return nil }
        guard case .success(let identity) = ResponseDecoder.identity(ProtobufFields.field(2, payload).span, in: MessageArena())
        else { return nil }
        return identity
    }

    package var servingStatus: ServingStatus? {
        guard code == 0, let payload else { return nil }
        guard case .success(let status) = ResponseDecoder.healthCheck(ProtobufFields.field(2, payload).span, in: MessageArena())
        else {
            return nil
        }
        return status
    }

    /// The `google.rpc.Status` of the details.
    package var status: ResponseDecoder.Status? {
        guard let value = http["grpc-status-details-bin"],
            let details = Data(base64Encoded: value + String(repeating: "=", count: (4 - value.count % 4) % 4))
        else { return nil }
        guard case .failure(let status) = ResponseDecoder.identity(ProtobufFields.field(1, Array(details)).span, in: MessageArena())
        else {
            return nil
        }
        return status
    }
}
