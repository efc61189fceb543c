internal import CNGHTTP2

extension HTTP2Session {
    /// Queues GOAWAY with an error, after which the connection ends (RFC 9113 section 5.4.1). Does nothing if the session has queued one.
    package func terminate(_ error: HTTP2ErrorCode) {
        _ = unsafe nghttp2_session_terminate_session(state.pointee.nghttp2, error.rawValue)
    }
}

extension HTTP2Violation {
    /// The error code that tells the peer of it.
    package var errorCode: HTTP2ErrorCode {
        switch self {
        case .badPreface, .protocolError: .protocolError
        case .flooded, .tooManyContinuations, .enhanceYourCalm: .enhanceYourCalm
        case .flowControlError: .flowControlError
        case .settingsTimeout: .settingsTimeout
        case .streamClosed: .streamClosed
        case .frameSizeError: .frameSizeError
        case .compressionError: .compressionError
        case .internalError: .internalError
        }
    }
}
