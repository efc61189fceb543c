internal import CDoormanNGHTTP2
internal import CNGHTTP2
internal import DoormanSupport

/// The state of a session, in memory of its own, for the same reason as ``StreamRecord``.
@safe struct SessionState {
    enum Drain {
        case none
        /// GOAWAY without a last stream is queued.
        case announcing
        /// It has left, and PING after it.
        case announced
        /// The PING came back, or the user waits no longer. The next output is GOAWAY with the last stream.
        case due
        case done
    }

    let limits: HTTP2Limits
    /// Counts the headers of the incomplete requests of all sessions.
    let pool: HTTP2StreamPool
    let nghttp2: OpaquePointer
    var now: Instant

    /// Requests that are arriving, in the order in which they began.
    var incomplete = unsafe StreamList()
    /// Requests that have not been returned, in the order in which they became ready.
    var ready = unsafe StreamList()
    /// All other open streams.
    var active = unsafe StreamList()
    var openStreams = 0
    /// The stream of the last callback, since headers and data of a stream often follow each other.
    var latest: StreamRecord.Pointer?

    /// The size of the headers of all requests without a response, and of the incomplete among them.
    var headerBytes = 0
    var incompleteHeaderBytes = 0
    /// The size of the bodies of incomplete requests.
    var incompleteBodyBytes = 0
    /// The bytes that the connection's window gets back, and nghttp2 has not been told of.
    var releasedBytes = 0
    /// The bytes of responses that have not become frames.
    var unsentBytes = 0

    var drain = Drain.none
    /// The last stream that the final GOAWAY names.
    var lastStream = Int32.max
    var hasReceivedSettings = false
    var peerGoesAway = false
    var resets: [HTTP2Reset] = []

    /// Returns the record of a stream; `nil` if the stream is refused or has ended.
    mutating func record(of id: Int32) -> StreamRecord.Pointer? {
        if let latest = unsafe latest, unsafe latest.pointee.id == id { return unsafe latest }
        let data = unsafe nghttp2_session_get_stream_user_data(nghttp2, id)
        guard let record = unsafe data?.assumingMemoryBound(to: StreamRecord.self) else { return nil }
        unsafe latest = record
        return unsafe record
    }

    /// Any open stream; `nil` without one.
    var firstOpen: StreamRecord.Pointer? {
        unsafe incomplete.first ?? ready.first ?? active.first
    }

    /// Opens a stream.
    mutating func begin(_ stream: consuming HTTP2Stream, id: Int32) -> StreamRecord.Pointer {
        let record = unsafe stream.record
        unsafe record.pointee.id = id
        unsafe record.pointee.phase = .receivingHeaders
        unsafe record.pointee.requestHasEnded = false
        unsafe record.pointee.bodyIsTooLong = false
        unsafe record.pointee.respondsEarly = false
        unsafe record.pointee.wasDelivered = false
        unsafe record.pointee.peerReset = nil
        unsafe record.pointee.begun = now
        unsafe record.pointee.headerBytes = 0
        unsafe record.pointee.heldBodyBytes = 0
        unsafe record.pointee.bodyLimit = 0
        unsafe record.pointee.sentBytes = 0
        unsafe record.pointee.outputBodyBytes = 0
        unsafe record.pointee.trailers = nil
        _ = unsafe record.pointee.owner.retain()
        openStreams += 1
        unsafe incomplete.append(record)
        unsafe latest = record
        unsafe nghttp2_session_set_stream_user_data(nghttp2, id, record)
        return unsafe record
    }

    /// Moves a stream to another phase, and to the list of that phase.
    mutating func move(_ record: StreamRecord.Pointer, to phase: StreamRecord.Phase) {
        switch unsafe record.pointee.phase {
        case .receivingHeaders, .incomplete:
            unsafe incomplete.remove(record)
            unsafe incompleteHeaderBytes -= record.pointee.headerBytes
            unsafe pool.incompleteHeaderBytes -= record.pointee.headerBytes
            unsafe incompleteBodyBytes -= record.pointee.heldBodyBytes
        case .ready: unsafe ready.remove(record)
        default: unsafe active.remove(record)
        }
        unsafe record.pointee.phase = phase
        switch phase {
        case .receivingHeaders, .incomplete, .closed: break
        case .ready: unsafe ready.append(record)
        case .handling, .responding, .resetting: unsafe active.append(record)
        }
    }

    /// Gives the bytes of a body back to the connection's window, once they are many.
    mutating func release(_ count: Int) {
        releasedBytes += count
        guard releasedBytes >= HTTP2Limits.releasedBytesAtOnce else { return }
        unsafe nghttp2_session_consume_connection(nghttp2, releasedBytes)
        releasedBytes = 0
    }

    /// Stops counting what the request of a stream holds.
    mutating func releaseRequest(of record: StreamRecord.Pointer) {
        unsafe headerBytes -= record.pointee.headerBytes
        unsafe record.pointee.headerBytes = 0
        unsafe release(record.pointee.heldBodyBytes)
        unsafe record.pointee.heldBodyBytes = 0
    }

    /// Queues RST_STREAM. Nothing of the stream is delivered from now on.
    mutating func reset(_ record: StreamRecord.Pointer, _ error: HTTP2ErrorCode) {
        unsafe move(record, to: .resetting)
        unsafe releaseRequest(of: record)
        unsafe nghttp2_submit_rst_stream(
            nghttp2, UInt8(NGHTTP2_FLAG_NONE.rawValue), record.pointee.id, error.rawValue)
    }

    /// Hands a request to the user.
    mutating func deliver(_ record: StreamRecord.Pointer) {
        unsafe move(record, to: .ready)
    }

    /// Adds bytes to the body of a request.
    mutating func append(_ bytes: UnsafePointer<UInt8>, count: Int, to record: StreamRecord.Pointer) {
        guard unsafe record.pointee.body.count + count <= record.pointee.bodyLimit else {
            unsafe record.pointee.bodyIsTooLong = true
            unsafe doorman_http2_bytes_clear(&record.pointee.body, 0)
            let held = unsafe record.pointee.heldBodyBytes
            unsafe deliver(record)
            unsafe record.pointee.heldBodyBytes = 0
            release(held + count)
            return
        }
        unsafe doorman_http2_bytes_append(&record.pointee.body, bytes, count)
        unsafe record.pointee.heldBodyBytes += count
        incompleteBodyBytes += count
        // A body that fits into the stream's window takes no WINDOW_UPDATE.
        if unsafe record.pointee.bodyLimit > limits.streamWindow - HTTP2Limits.framing / 2 {
            unsafe nghttp2_session_consume_stream(nghttp2, record.pointee.id, count)
        }
        if incompleteBodyBytes > limits.incompleteBodyBytes { refuseYoungestBody() }
    }

    /// Refuses the youngest request with a part of a body. The peer may send it again (RFC 9113 section 8.7).
    private mutating func refuseYoungestBody() {
        var candidate = unsafe incomplete.last
        while let record = unsafe candidate {
            if unsafe record.pointee.heldBodyBytes > 0 { return unsafe reset(record, .refusedStream) }
            unsafe candidate = unsafe record.pointee.previous
        }
    }
}
