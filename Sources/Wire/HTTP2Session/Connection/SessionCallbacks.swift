internal import CDoormanNGHTTP2
internal import CNGHTTP2

// The callbacks of nghttp2 that run a few times for each request. They are file-scope functions, since C calls them.

/// Creates nghttp2's session of a server, with its SETTINGS queued.
func makeServer(limits: HTTP2Limits, context: UnsafeMutablePointer<doorman_http2_context>) -> OpaquePointer {
    var callbacks: OpaquePointer?
    var options: OpaquePointer?
    var session: OpaquePointer?
    // The only failure of these functions is missing memory, which ends a Swift program.
    guard unsafe nghttp2_session_callbacks_new(&callbacks) == 0, unsafe nghttp2_option_new(&options) == 0 else {
        preconditionFailure("out of memory")
    }
    defer {
        unsafe nghttp2_session_callbacks_del(callbacks)
        unsafe nghttp2_option_del(options)
    }
    unsafe doorman_http2_set_callbacks(callbacks)
    unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, headersBegan)
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameArrived)
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, dataArrived)
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
    unsafe setOptions(of: options, limits: limits)
    guard unsafe nghttp2_session_server_new2(&session, callbacks, context, options) == 0, let session = unsafe session else {
        preconditionFailure("out of memory")
    }
    unsafe submitSettings(to: session, limits: limits)
    return unsafe session
}

private func setOptions(of options: OpaquePointer?, limits: HTTP2Limits) {
    unsafe nghttp2_option_set_no_auto_window_update(options, 1)
    unsafe nghttp2_option_set_no_closed_streams(options, 1)
    unsafe nghttp2_option_set_max_outbound_ack(options, limits.outboundAcknowledgements)
    unsafe nghttp2_option_set_max_settings(options, limits.settingsEntries)
    unsafe nghttp2_option_set_max_deflate_dynamic_table_size(options, limits.headerTableSize)
    // Debian's nghttp2 1.52 has the next two from later versions. The user limits resets, by a rule that knows deadlines; this one counts
    // all of them.
    unsafe nghttp2_option_set_max_continuations(options, limits.continuations)
    unsafe nghttp2_option_set_stream_reset_rate_limit(options, 1 << 32, 1 << 32)
}

private func submitSettings(to session: OpaquePointer, limits: HTTP2Limits) {
    let settings: [(nghttp2_settings_id, Int)] = [
        (NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, limits.headerTableSize),
        (NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.concurrentStreams),
        (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindow),
        (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headerListSize),
        // nghttp2 then ignores PRIORITY, and keeps no tree of streams.
        (NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    let entries = settings.map { nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: UInt32($0.1)) }
    let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
    let result = unsafe nghttp2_submit_settings(session, flags, entries, entries.count)
    precondition(result == 0, "a limit is out of the range that RFC 9113 section 6.5.2 allows")
    let window = unsafe nghttp2_session_set_local_window_size(session, flags, 0, Int32(limits.connectionWindow))
    precondition(window == 0, "the connection's window is out of range")
}

/// Calls a closure with the session of a callback, without reference counting.
@inline(__always)
func withSession<Result>(_ context: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Result) -> Result {
    let context = unsafe context.unsafelyUnwrapped.assumingMemoryBound(to: doorman_http2_context.self)
    let session = unsafe Unmanaged<HTTP2Session>.fromOpaque(context.pointee.owner)
    return unsafe session._withUnsafeGuaranteedRef { body($0) }
}

private func headersBegan(_ session: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ context: UnsafeMutableRawPointer?)
    -> Int32
{
    guard let frame = unsafe frame, unsafe frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue) else { return 0 }
    return unsafe withSession(context) { unsafe $0.headersBegan(frame.pointee.hd.stream_id, frame.pointee.headers.cat) }
}

private func frameArrived(_ session: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ context: UnsafeMutableRawPointer?)
    -> Int32
{
    guard let frame = unsafe frame else { return 0 }
    let header = unsafe frame.pointee.hd
    let flags = UInt32(header.flags)
    unsafe withSession(context) { session in
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue: unsafe session.headersEnded(header.stream_id, frame.pointee.headers.cat, flags: flags)
        case NGHTTP2_DATA.rawValue:
            if flags & NGHTTP2_FLAG_END_STREAM.rawValue != 0 { session.requestEnded(header.stream_id) }
        case NGHTTP2_RST_STREAM.rawValue:
            unsafe session.streamWasReset(header.stream_id, frame.pointee.rst_stream.error_code)
        case NGHTTP2_PING.rawValue:
            if flags & NGHTTP2_FLAG_ACK.rawValue != 0 { unsafe session.pingReturned(frame.pointee.ping) }
        case NGHTTP2_SETTINGS.rawValue: unsafe session.state.pointee.hasReceivedSettings = true
        case NGHTTP2_GOAWAY.rawValue: unsafe session.state.pointee.peerGoesAway = true
        default: break
        }
    }
    return 0
}

private func dataArrived(
    _ session: OpaquePointer?, _ flags: UInt8, _ id: Int32, _ data: UnsafePointer<UInt8>?, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard let data = unsafe data else { return 0 }
    unsafe withSession(context) { unsafe $0.dataArrived(id, data, count: count) }
    return 0
}

private func streamClosed(_ session: OpaquePointer?, _ id: Int32, _ error: UInt32, _ context: UnsafeMutableRawPointer?) -> Int32 {
    unsafe withSession(context) { $0.streamClosed(id, error) }
    return 0
}

/// Fills a DATA frame. A closure, since nghttp2 defines its seven parameters.
let fillDataFrame: nghttp2_data_source_read_callback = { _, _, buffer, capacity, flags, source, context in
    guard let buffer = unsafe buffer, let flags = unsafe flags, let record = unsafe source?.pointee.ptr else {
        return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }
    return unsafe withSession(context) { session in
        unsafe session.readOutput(
            of: record.assumingMemoryBound(to: StreamRecord.self), into: buffer, capacity: capacity, flags: &flags.pointee)
    }
}
