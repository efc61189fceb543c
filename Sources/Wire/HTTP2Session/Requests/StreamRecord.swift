internal import CDoormanNGHTTP2
internal import DoormanSupport

/// The state of a stream, in memory of its own: nghttp2 hands its address to the callbacks, which read it without reference counting
/// and exclusivity checks.
@unsafe struct StreamRecord {
    enum Phase: UInt8 {
        /// The headers or the trailers are arriving. If they are malformed, the stream stays here until its RST_STREAM leaves.
        case receivingHeaders
        /// The body is arriving.
        case incomplete
        /// Waits for ``HTTP2Session/nextRequest()``.
        case ready
        /// The user has the request.
        case handling
        /// The response is queued.
        case responding
        /// RST_STREAM is queued.
        case resetting
        /// The stream has ended. The object may still be in the user's hands.
        case closed
    }

    typealias Pointer = UnsafeMutablePointer<StreamRecord>

    var id: Int32 = 0
    /// The state of the session whose stream this is.
    var session: UnsafeMutablePointer<SessionState>?
    var phase = Phase.closed
    /// Whether the peer has ended the stream in its direction.
    var requestHasEnded = false
    var bodyIsTooLong = false
    /// Whether the stream counts as ``doorman_http2_context/early_responses``.
    var respondsEarly = false
    var wasDelivered = false
    /// The error code of the peer's RST_STREAM.
    var peerReset: UInt32?
    var begun = Instant(nanoseconds: 0)

    let head: UnsafeMutablePointer<doorman_http2_head>
    /// The size of the headers as ``SessionState/headerBytes`` counts it.
    var headerBytes = 0
    var body = unsafe doorman_http2_bytes()
    var bodyLimit = 0
    /// The bytes of the body that the connection's window has not got back.
    var heldBodyBytes = 0

    /// The response's body, then the values of its trailers.
    var output = unsafe doorman_http2_bytes()
    var sentBytes = 0
    var outputBodyBytes = 0
    var trailers: HTTP2HeadTemplate.Fields?

    var previous: Pointer?
    var next: Pointer?
    /// The object that owns this memory. Retained while the stream is open.
    let owner: Unmanaged<HTTP2Stream>
}

/// A list of streams, linked through their records.
@unsafe struct StreamList {
    private(set) var first: StreamRecord.Pointer?
    private(set) var last: StreamRecord.Pointer?

    mutating func append(_ record: StreamRecord.Pointer) {
        unsafe record.pointee.previous = last
        unsafe record.pointee.next = nil
        if let last = unsafe last {
            unsafe last.pointee.next = record
        } else {
            unsafe first = record
        }
        unsafe last = record
    }

    mutating func remove(_ record: StreamRecord.Pointer) {
        let (previous, next) = unsafe (record.pointee.previous, record.pointee.next)
        if let previous = unsafe previous { unsafe previous.pointee.next = next } else { unsafe first = next }
        if let next = unsafe next { unsafe next.pointee.previous = previous } else { unsafe last = previous }
        unsafe record.pointee.previous = nil
        unsafe record.pointee.next = nil
    }
}
