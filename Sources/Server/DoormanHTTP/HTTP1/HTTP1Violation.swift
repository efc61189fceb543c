internal import DoormanServer
internal import DoormanWire
internal import NIOCore
internal import NIOHTTP1

/// A violation of HTTP/1.1, the status that answers it, and the reason of the connection's end. The connection can't go on: it is not
/// certain where the next request begins.
struct HTTP1Violation: Sendable, Hashable {
    let status: HTTPStatus
    let closing: HTTPViolation

    static let malformed = HTTP1Violation(
        status: .badRequest, closing: HTTPViolation("http_malformed", "the peer sent a request that violates HTTP/1.1"))
    static let headTooLong = HTTP1Violation(
        status: .headerFieldsTooLarge,
        closing: HTTPViolation(
            "http_head_too_long", "the peer sent a request whose headers exceed \(HTTP1Connection.maximumHeadBytes >> 10) KiB"))
    static let bodyTooLong = HTTP1Violation(
        status: .contentTooLarge,
        closing: HTTPViolation("http_body_too_long", "the peer sent a request whose body exceeds server.max-frame-length"))

    /// Creates the violation behind an error of the decoder.
    ///
    /// - Returns: `nil` for an error of something else.
    init?(_ error: any Error) {
        if case HTTPParserError.headerOverflow = error {
            self = .headTooLong
        } else if error is HTTPParserError {
            self = .malformed
        } else if case ByteToMessageDecoderError.dataReceivedInErrorState(let first, _) = error {
            // More bytes of the peer, after an error that the decoder has reported.
            self.init(first)
        } else if error is ByteToMessageDecoderError.PayloadTooLargeError {
            self = .headTooLong
        } else {
            return nil
        }
    }

    private init(status: HTTPStatus, closing: HTTPViolation) {
        self.status = status
        self.closing = closing
    }
}
