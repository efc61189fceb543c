internal import CDoormanNGHTTP2
internal import CNGHTTP2

/// The reason why a connection has ended. Its name is stable, for the log.
package enum HTTP2Violation: String, Error, Sendable, Hashable {
    /// The first bytes are not HTTP/2 (RFC 9113 section 3.4).
    case badPreface = "bad-preface"
    /// More unsent acknowledgements than ``HTTP2Limits/outboundAcknowledgements``.
    case flooded = "too-many-acknowledgements"
    /// More frames than ``HTTP2Limits/continuations``.
    case tooManyContinuations = "too-many-continuations"
    case protocolError = "protocol-error"
    case flowControlError = "flow-control-error"
    case settingsTimeout = "settings-timeout"
    case streamClosed = "stream-closed"
    case frameSizeError = "frame-size-error"
    case compressionError = "compression-error"
    case enhanceYourCalm = "enhance-your-calm"
    case internalError = "internal-error"

    /// - Parameter code: The result of `nghttp2_session_mem_recv`.
    init(receiving code: Int) {
        switch nghttp2_error(rawValue: Int32(clamping: code)) {
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC: self = .badPreface
        case NGHTTP2_ERR_FLOODED: self = .flooded
        case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS: self = .tooManyContinuations
        default: self = .internalError
        }
    }

    /// - Parameter code: The error code of a GOAWAY that was sent; `nil` without an error.
    init?(goAway code: UInt32) {
        switch HTTP2ErrorCode(rawValue: code) {
        case .noError: return nil
        case .protocolError: self = .protocolError
        case .flowControlError: self = .flowControlError
        case .settingsTimeout: self = .settingsTimeout
        case .streamClosed: self = .streamClosed
        case .frameSizeError: self = .frameSizeError
        case .compressionError: self = .compressionError
        case .enhanceYourCalm: self = .enhanceYourCalm
        default: self = .internalError
        }
    }
}

/// An error code of RST_STREAM and GOAWAY (RFC 9113 section 7).
package struct HTTP2ErrorCode: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let noError = HTTP2ErrorCode(rawValue: 0)
    package static let protocolError = HTTP2ErrorCode(rawValue: 1)
    package static let internalError = HTTP2ErrorCode(rawValue: 2)
    package static let flowControlError = HTTP2ErrorCode(rawValue: 3)
    package static let settingsTimeout = HTTP2ErrorCode(rawValue: 4)
    package static let streamClosed = HTTP2ErrorCode(rawValue: 5)
    package static let frameSizeError = HTTP2ErrorCode(rawValue: 6)
    package static let refusedStream = HTTP2ErrorCode(rawValue: 7)
    package static let cancel = HTTP2ErrorCode(rawValue: 8)
    package static let compressionError = HTTP2ErrorCode(rawValue: 9)
    package static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)
}
