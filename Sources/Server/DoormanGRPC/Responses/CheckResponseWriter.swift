internal import DoormanHTTP
internal import DoormanWire
internal import NIOCore

/// Writes a response of forward auth as the `CheckResponse` of Envoy's ext_authz.
///
/// A denial is always a message, never a failed call: Envoy's `failure_mode_allow` would let the request pass.
struct CheckResponseWriter: HTTPResponseWriter {
    private var status = HTTPStatus.serviceUnavailable
    private var headers: [CheckResponseEncoder.Header] = []
    /// The message.
    private(set) var message: [UInt8] = []

    mutating func begin(_ status: HTTPStatus) { self.status = status }

    mutating func addHeader(_ name: HTTPHeaderName, _ value: StaticString) {
        headers.append(CheckResponseEncoder.Header(name.lowercase.description, value.description))
    }

    mutating func addHeader(_ name: HTTPHeaderName, _ value: Span<UInt8>) {
        let text = unsafe value.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        headers.append(CheckResponseEncoder.Header(name.lowercase.description, text))
    }

    mutating func end(_ body: ByteBuffer) {
        message =
            status == .ok
            ? CheckResponseEncoder.allowed(setting: headers) : CheckResponseEncoder.denied(status, headers: headers)
    }
}
