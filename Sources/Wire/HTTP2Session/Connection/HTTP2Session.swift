internal import CDoormanNGHTTP2
internal import CNGHTTP2
package import DoormanSupport
package import NIOCore

/// The server's side of an HTTP/2 connection (RFC 9113), without its socket: bytes and time go in, requests and bytes come out.
///
/// ```swift
/// try session.receive(bytes, now: now)
/// while let reset = session.nextReset() { … }
/// while let request = session.nextRequest() { session.respond(to: request, head, body: body, trailers: trailers) }
/// session.writeOutput(into: &buffer, limit: 64 << 10)
/// if session.isFinished { … }
/// ```
///
/// The user does not call `receive` while output waits for the socket, so the frames that nghttp2 queues in response to the peer's
/// are bounded by the bytes of a read. Confined to one thread.
@safe package final class HTTP2Session {
    let state: UnsafeMutablePointer<SessionState>
    let context: UnsafeMutablePointer<doorman_http2_context>
    private let nghttp2: OpaquePointer
    private let wantsBody: (HTTP2RequestHead) -> Int?
    private let pool: HTTP2StreamPool
    private let scratch = HeadScratch()
    private var receiveViolation: HTTP2Violation?
    private var nextResetIndex = 0

    /// Creates a session, whose SETTINGS are the first output.
    ///
    /// - Parameters:
    ///   - pool: The pool of stream objects. Sessions of one thread can share it.
    ///   - now: The present.
    ///   - wantsBody: Called once for each request whose body has not arrived with its headers. Returns `nil` if the request does not need its
    ///     body: it is returned at once, and the body is dropped. Otherwise the maximum size of the body in bytes: a longer body is
    ///     dropped, and the request is returned with ``HTTP2Stream/bodyIsTooLong``. Must not use the session.
    package init(
        limits: HTTP2Limits = HTTP2Limits(), pool: HTTP2StreamPool = HTTP2StreamPool(), now: Instant,
        wantsBody: @escaping (HTTP2RequestHead) -> Int?
    ) {
        self.wantsBody = wantsBody
        self.pool = pool
        unsafe context = .allocate(capacity: 1)
        unsafe context.initialize(to: doorman_http2_context())
        unsafe context.pointee.maximum_list_size = limits.headerListSize
        unsafe nghttp2 = makeServer(limits: limits, context: context)
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: SessionState(limits: limits, pool: pool, nghttp2: nghttp2, now: now))
        unsafe context.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        while let record = unsafe state.pointee.firstOpen { unsafe close(record) }
        unsafe nghttp2_session_del(nghttp2)
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
        unsafe context.deallocate()
    }

    // MARK: Input

    /// Handles bytes in the order in which they arrived, however they are split.
    ///
    /// - Throws: The reason why the connection must be closed at once. A violation that HTTP/2 can name becomes a GOAWAY in the output
    ///   instead; ``ending`` has it then.
    package func receive(_ bytes: Span<UInt8>, now: Instant) throws(HTTP2Violation) {
        if let receiveViolation { throw receiveViolation }
        unsafe state.pointee.now = now
        let result = unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe nghttp2_session_mem_recv(nghttp2, bytes.baseAddress, bytes.count)
        }
        guard result < 0 else { return }
        let violation = HTTP2Violation(receiving: result)
        receiveViolation = violation
        throw violation
    }

    /// The reason why the connection ends; `nil` for a connection that is in order. Known once the output has GOAWAY.
    package var ending: HTTP2Violation? {
        if let receiveViolation { return receiveViolation }
        guard unsafe context.pointee.has_sent_goaway else { return nil }
        return HTTP2Violation(goAway: unsafe context.pointee.sent_goaway_error)
    }

    /// Whether the connection has ended, so that the user closes it once the output is written.
    package var isFinished: Bool {
        if receiveViolation != nil { return true }
        return unsafe nghttp2_session_want_read(nghttp2) == 0 && !hasOutput
    }

    /// Whether the peer's preface has arrived: its first bytes, and its SETTINGS.
    package var hasReceivedPreface: Bool { unsafe state.pointee.hasReceivedSettings }

    /// Whether the peer has sent GOAWAY, so that the connection is finished once its streams have ended.
    package var peerGoesAway: Bool { unsafe state.pointee.peerGoesAway }

    // MARK: Requests

    /// Returns the next request that is ready, in the order in which they became ready.
    package func nextRequest() -> HTTP2Stream? {
        guard let record = unsafe state.pointee.ready.first else { return nil }
        unsafe state.pointee.move(record, to: .handling)
        unsafe record.pointee.wasDelivered = true
        return unsafe record.pointee.owner.takeUnretainedValue()
    }

    /// Returns the next stream that ended without its response. To be called after each `receive`, until it returns `nil`.
    package func nextReset() -> HTTP2Reset? {
        let count = unsafe state.pointee.resets.count
        if count == 0 { return nil }
        guard nextResetIndex < count else {
            unsafe state.pointee.resets.removeAll(keepingCapacity: count <= 64)
            nextResetIndex = 0
            return nil
        }
        nextResetIndex += 1
        return unsafe state.pointee.resets[nextResetIndex - 1]
    }

    /// The number of open streams.
    package var openStreams: Int { unsafe state.pointee.openStreams }

    /// The moment at which the oldest request whose end has not arrived began; `nil` without one.
    package var oldestIncompleteRequest: Instant? {
        unsafe state.pointee.incomplete.first?.pointee.begun
    }

    /// Resets all requests whose end has not arrived, and that began before a moment.
    ///
    /// - Returns: Whether headers of one of them were arriving. No other frame may come before their end, so the connection serves
    ///   nothing until then.
    package func resetIncompleteRequests(begunBefore moment: Instant) -> Bool {
        var headersWereArriving = false
        while let record = unsafe state.pointee.incomplete.first, unsafe record.pointee.begun < moment {
            if unsafe record.pointee.phase == .receivingHeaders { headersWereArriving = true }
            unsafe state.pointee.reset(record, .cancel)
        }
        return headersWereArriving
    }

    // MARK: Responses

    /// Queues a response. Does nothing if the stream has ended, or has a response.
    ///
    /// Without a body and trailers, the headers end the stream. If the request has not ended, RST_STREAM without an error follows the
    /// response.
    package func respond(
        to stream: HTTP2Stream, _ head: HTTP2ResponseHead, body: Span<UInt8>, trailers: HTTP2ResponseHead? = nil
    ) {
        let record = unsafe stream.record
        guard unsafe record.pointee.phase == .handling else { return }
        precondition(unsafe record.pointee.session == state, "a stream of this session")
        unsafe state.pointee.move(record, to: .responding)
        unsafe state.pointee.releaseRequest(of: record)
        if unsafe !record.pointee.requestHasEnded {
            unsafe record.pointee.respondsEarly = true
            unsafe context.pointee.early_responses += 1
        }
        unsafe append(body, to: record)
        unsafe record.pointee.outputBodyBytes = unsafe record.pointee.output.count
        if let trailers { unsafe queue(trailers, for: record) }
        let hasData = unsafe record.pointee.outputBodyBytes > 0 || trailers != nil
        unsafe scratch.withFields(of: head) { fields in
            guard hasData else {
                _ = unsafe nghttp2_submit_response(nghttp2, record.pointee.id, fields.baseAddress, fields.count, nil)
                return
            }
            var provider = unsafe nghttp2_data_provider(source: nghttp2_data_source(ptr: record), read_callback: fillDataFrame)
            unsafe nghttp2_submit_response(nghttp2, record.pointee.id, fields.baseAddress, fields.count, &provider)
        }
    }

    /// Appends the beginning of a response's body, which `respond` completes. Does nothing if the stream has ended, or has a response.
    package func append(_ bytes: Span<UInt8>, toResponseOf stream: HTTP2Stream) {
        let record = unsafe stream.record
        guard unsafe record.pointee.phase == .handling else { return }
        precondition(unsafe record.pointee.session == state, "a stream of this session")
        unsafe append(bytes, to: record)
    }

    /// Queues a response without a body.
    package func respond(to stream: HTTP2Stream, _ head: HTTP2ResponseHead) {
        respond(to: stream, head, body: Span())
    }

    /// Queues RST_STREAM. Does nothing if the stream has ended.
    package func reset(_ stream: HTTP2Stream, _ error: HTTP2ErrorCode) {
        let record = unsafe stream.record
        switch unsafe record.pointee.phase {
        case .receivingHeaders, .incomplete, .ready, .handling, .responding:
            precondition(unsafe record.pointee.session == state, "a stream of this session")
            unsafe state.pointee.reset(record, error)
        case .resetting, .closed: break
        }
    }

    private func queue(_ trailers: HTTP2ResponseHead, for record: StreamRecord.Pointer) {
        unsafe record.pointee.trailers = unsafe trailers.template.fields
        precondition(trailers.isComplete, "a value for each variable header")
        guard trailers.valueCount > 0 else { return }
        unsafe append(trailers.values.span, to: record)
    }

    private func append(_ bytes: Span<UInt8>, to record: StreamRecord.Pointer) {
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe doorman_http2_bytes_append(&record.pointee.output, bytes.baseAddress, bytes.count)
        }
        unsafe state.pointee.unsentBytes += bytes.count
    }

    // MARK: Output

    /// Whether ``writeOutput(into:limit:)`` is to be called. Bytes that the peer's windows hold back do not count. After output that the
    /// limit ended, the call may write nothing.
    package var hasOutput: Bool {
        unsafe nghttp2_session_want_write(nghttp2) != 0 || state.pointee.drain == .announcing || state.pointee.drain == .due
    }

    /// The bytes of responses that have not become output: the peer's windows hold them back, or the user has not fetched them.
    package var unsentBytes: Int { unsafe state.pointee.unsentBytes }

    /// Appends output until no more waits, or until the limit is reached. The last frame may exceed the limit.
    package func writeOutput(into buffer: inout ByteBuffer, limit: Int) {
        if unsafe state.pointee.drain == .due { queueLastGoAway() }
        var written = 0
        while written < limit {
            var start: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(nghttp2, &start)
            guard count > 0 else {
                if queuePingAfterAnnouncement() { continue }
                break
            }
            unsafe buffer.writeBytes(UnsafeRawBufferPointer(start: start, count: count))
            written += count
        }
    }

    // MARK: Shutdown

    /// Announces the end of the connection: GOAWAY that refuses no stream, and a PING. Its return leads to the GOAWAY that names the last
    /// stream, since no stream of a peer that knows the announcement can be under way then (RFC 9113 section 6.8).
    package func shutDown() {
        guard unsafe state.pointee.drain == .none else { return }
        unsafe state.pointee.drain = .announcing
        unsafe nghttp2_submit_shutdown_notice(nghttp2)
    }

    /// Queues the PING. nghttp2 would send it before a GOAWAY that waits, and its return would prove nothing.
    ///
    /// - Returns: `false` if there is no announcement, or if it has its PING.
    private func queuePingAfterAnnouncement() -> Bool {
        guard unsafe state.pointee.drain == .announcing, unsafe context.pointee.has_sent_goaway else { return false }
        unsafe state.pointee.drain = .announced
        var data = Self.shutdownPing
        unsafe withUnsafeMutablePointer(to: &data) { data in
            unsafe data.withMemoryRebound(to: UInt8.self, capacity: 8) {
                _ = unsafe nghttp2_submit_ping(nghttp2, UInt8(NGHTTP2_FLAG_NONE.rawValue), $0)
            }
        }
        return true
    }

    /// Names the last stream without waiting for the PING to return.
    package func finishShutDown() {
        if unsafe state.pointee.drain == .none { unsafe nghttp2_submit_shutdown_notice(nghttp2) }
        if unsafe state.pointee.drain != .done { unsafe state.pointee.drain = .due }
    }

    private static let shutdownPing: UInt64 = 0x646f_6f72_6d61_6e21

    private func queueLastGoAway() {
        let last = unsafe nghttp2_session_get_last_proc_stream_id(nghttp2)
        unsafe state.pointee.drain = .done
        unsafe state.pointee.lastStream = last
        unsafe nghttp2_submit_goaway(
            nghttp2, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, NGHTTP2_NO_ERROR.rawValue, nil, 0)
    }

    // MARK: Events of nghttp2

    /// Handles the beginning of a block of headers.
    func headersBegan(_ id: Int32, _ category: nghttp2_headers_category) -> Int32 {
        unsafe context.pointee.list_size = 0
        unsafe context.pointee.head = nil
        guard category == NGHTTP2_HCAT_REQUEST else {
            if let record = unsafe state.pointee.record(of: id), unsafe record.pointee.phase == .incomplete {
                unsafe record.pointee.phase = .receivingHeaders
            }
            return 0
        }
        guard id <= (unsafe state.pointee.lastStream) else {
            unsafe nghttp2_submit_rst_stream(
                nghttp2, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, NGHTTP2_REFUSED_STREAM.rawValue)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        let record = unsafe state.pointee.begin(pool.take(), id: id)
        unsafe record.pointee.session = unsafe state
        unsafe context.pointee.head = unsafe record.pointee.head
        return 0
    }

    /// Handles the end of a block of headers.
    func headersEnded(_ id: Int32, _ category: nghttp2_headers_category, flags: UInt32) {
        let endsStream = flags & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        unsafe context.pointee.head = nil
        guard let record = unsafe state.pointee.record(of: id) else { return }
        let isArriving = unsafe record.pointee.phase == .receivingHeaders
        if isArriving { unsafe record.pointee.phase = .incomplete }
        guard category == NGHTTP2_HCAT_REQUEST else {
            if endsStream { requestEnded(id) }
            return
        }
        guard isArriving else { return }
        let size = unsafe min(context.pointee.list_size, context.pointee.maximum_list_size)
        unsafe record.pointee.headerBytes = size
        unsafe record.pointee.requestHasEnded = endsStream
        unsafe state.pointee.headerBytes += size
        unsafe state.pointee.incompleteHeaderBytes += size
        pool.incompleteHeaderBytes += size
        if unsafe state.pointee.headerBytes > state.pointee.limits.heldHeaderBytes {
            return unsafe state.pointee.reset(record, .refusedStream)
        }
        if endsStream { return unsafe state.pointee.deliver(record) }
        let head = HTTP2RequestHead(stream: unsafe record.pointee.owner.takeUnretainedValue())
        guard !head.headersAreTooLong, let limit = wantsBody(head) else { return unsafe state.pointee.deliver(record) }
        if unsafe state.pointee.incompleteHeaderBytes > state.pointee.limits.incompleteHeaderBytes {
            return unsafe state.pointee.reset(record, .enhanceYourCalm)
        }
        if unsafe pool.incompleteHeaderBytes > state.pointee.limits.sharedIncompleteHeaderBytes,
            unsafe state.pointee.incompleteHeaderBytes > state.pointee.limits.fairIncompleteHeaderBytes
        {
            return unsafe state.pointee.reset(record, .refusedStream)
        }
        unsafe record.pointee.bodyLimit = limit
        if head[.expect] != nil { allowBody(of: id) }
    }

    /// Queues the status 100, since the only expectation that exists is `100-continue` (RFC 9110 section 10.1.1).
    private func allowBody(of id: Int32) {
        unsafe scratch.withFields(of: Self.allowed) { fields in
            _ = unsafe nghttp2_submit_headers(
                nghttp2, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, nil, fields.baseAddress, fields.count, nil)
        }
    }

    private static let allowed = HTTP2ResponseHead(HTTP2HeadTemplate([(":status", "100")]))

    /// Handles the end of a request after its headers.
    func requestEnded(_ id: Int32) {
        guard let record = unsafe state.pointee.record(of: id) else { return }
        unsafe record.pointee.requestHasEnded = true
        if unsafe record.pointee.phase == .incomplete { unsafe state.pointee.deliver(record) }
    }

    /// Handles a part of a body.
    func dataArrived(_ id: Int32, _ bytes: UnsafePointer<UInt8>, count: Int) {
        guard let record = unsafe state.pointee.record(of: id), unsafe record.pointee.phase == .incomplete else {
            // The stream's window stays closed, so a peer sends at most a window of bytes that are not wanted.
            return unsafe state.pointee.release(count)
        }
        unsafe state.pointee.append(bytes, count: count, to: record)
    }

    func pingReturned(_ frame: borrowing nghttp2_ping) {
        let data = unsafe withUnsafeBytes(of: frame.opaque_data) { unsafe $0.loadUnaligned(as: UInt64.self) }
        guard unsafe state.pointee.drain == .announced, data == Self.shutdownPing else { return }
        unsafe state.pointee.drain = .due
    }

    func streamWasReset(_ id: Int32, _ error: UInt32) {
        unsafe state.pointee.record(of: id)?.pointee.peerReset = error
    }

    /// Handles the end of a stream. nghttp2 ends a stream once both sides have, or with RST_STREAM of either.
    func streamClosed(_ id: Int32, _ error: UInt32) {
        guard let record = unsafe state.pointee.record(of: id) else { return }
        let phase = unsafe record.pointee.phase
        let reset = unsafe record.pointee.peerReset
        let hasResponse = phase == .responding
        let isUnfinished = phase != .resetting && (!hasResponse || error != NGHTTP2_NO_ERROR.rawValue)
        if reset != nil || isUnfinished {
            unsafe state.pointee.resets.append(
                HTTP2Reset(
                    id: HTTP2StreamID(id), errorCode: HTTP2ErrorCode(rawValue: reset ?? error), begun: record.pointee.begun,
                    wasDelivered: record.pointee.wasDelivered, hadResponse: hasResponse, isByPeer: reset != nil))
        }
        unsafe close(record)
    }

    private func close(_ record: StreamRecord.Pointer) {
        unsafe state.pointee.unsentBytes -= record.pointee.output.count - record.pointee.sentBytes
        unsafe state.pointee.move(record, to: .closed)
        unsafe state.pointee.releaseRequest(of: record)
        if unsafe record.pointee.respondsEarly { unsafe context.pointee.early_responses -= 1 }
        unsafe state.pointee.openStreams -= 1
        unsafe state.pointee.latest = nil
        if unsafe context.pointee.head == record.pointee.head { unsafe context.pointee.head = nil }
        pool.put(unsafe record.pointee.owner.takeRetainedValue())
    }

    /// Fills a DATA frame, and queues the trailers after the last.
    func readOutput(
        of record: StreamRecord.Pointer, into buffer: UnsafeMutablePointer<UInt8>, capacity: Int, flags: inout UInt32
    ) -> Int {
        let sent = unsafe record.pointee.sentBytes
        let count = unsafe min(capacity, record.pointee.outputBodyBytes - sent)
        if let start = unsafe record.pointee.output.start {
            unsafe buffer.update(from: start + sent, count: count)
        }
        unsafe record.pointee.sentBytes = sent + count
        unsafe state.pointee.unsentBytes -= count
        guard unsafe sent + count == record.pointee.outputBodyBytes else { return count }
        flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
        if let trailers = unsafe record.pointee.trailers {
            flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            unsafe submit(trailers, of: record)
        }
        return count
    }

    private func submit(_ trailers: HTTP2HeadTemplate.Fields, of record: StreamRecord.Pointer) {
        let output = unsafe record.pointee.output
        let sent = unsafe record.pointee.sentBytes
        let values = unsafe UnsafeRawBufferPointer(start: output.start.map { unsafe $0 + sent }, count: output.count - sent)
        unsafe scratch.withFields(trailers, values: values) { fields in
            _ = unsafe nghttp2_submit_trailer(nghttp2, record.pointee.id, fields.baseAddress, fields.count)
        }
        unsafe state.pointee.unsentBytes -= output.count - sent
        unsafe record.pointee.sentBytes = output.count
    }
}
