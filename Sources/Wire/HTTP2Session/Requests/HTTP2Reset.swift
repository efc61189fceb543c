package import DoormanSupport

/// A stream that has ended before its response.
package struct HTTP2Reset: Sendable {
    package let id: HTTP2StreamID
    package let errorCode: HTTP2ErrorCode
    /// The moment at which the request began to arrive.
    package let begun: Instant
    /// Whether ``HTTP2Session/nextRequest()`` has returned the request.
    package let wasDelivered: Bool
    /// Whether the response was queued, wholly or partly unsent.
    package let hadResponse: Bool
    /// Whether the peer reset the stream. Otherwise the request or a later frame was malformed.
    package let isByPeer: Bool
}
