internal import DoormanSupport
package import DoormanWire
package import NIOCore

/// Writes problems (RFC 9457): `docs/reference/http-api.md`.
package enum ProblemJSON {
    /// The media type of the response.
    package static let mediaType: StaticString = "application/problem+json"

    /// Writes a failure of the contract.
    package static func write(_ response: FailureResponse, for endpoint: HTTPEndpoint, to buffer: inout ByteBuffer) {
        let status = response.failure.httpStatus(for: endpoint)
        write(status, response.message, to: &buffer) { json in
            json.string("code", response.failure.row.code.description)
            if let reason = response.failure.row.reason { json.string("reason", reason) }
            if status.hasRetryAfter { json.number("retryAfterSeconds", RetryHint.seconds(response.retryAfter)) }
        }
    }

    /// Writes an error of HTTP itself, such as an unknown path.
    package static func write(_ status: HTTPStatus, _ detail: String, to buffer: inout ByteBuffer) {
        write(status, detail, to: &buffer) { _ in }
    }

    private static func write(
        _ status: HTTPStatus, _ detail: String, to buffer: inout ByteBuffer, _ further: (inout JSONBufferWriter) -> Void
    ) {
        JSONBufferWriter.append(to: &buffer) { json in
            json.object { json in
                json.string("type", "about:blank" as StaticString)
                json.string("title", status.phrase)
                json.number("status", Int64(status.rawValue))
                if !detail.isEmpty { json.string("detail", detail) }
                further(&json)
            }
        }
    }
}
