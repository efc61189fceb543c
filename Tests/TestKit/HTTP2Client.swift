private import CNGHTTP2

/// The client's side of an HTTP/2 connection without a socket, by nghttp2.
@safe package final class HTTP2Client {
    package struct Response: Sendable, Hashable {
        package var headers: [Header] = []
        package var body: [UInt8] = []
        package var hasEnded = false
        /// The error code with which the stream ended.
        package var closeCode: UInt32?

        package init() {}

        package subscript(name: String) -> String? { headers.last { $0.name == name }?.value }
    }

    package struct Header: Sendable, Hashable {
        package let name: String
        package let value: String
    }

    package struct GoAway: Sendable, Hashable {
        package let last: Int32
        package let code: UInt32

        package init(last: Int32, code: UInt32) {
            self.last = last
            self.code = code
        }
    }

    /// Whether a request ends with its body.
    package enum End { case ended, open }

    private let session: OpaquePointer
    private let box: UnsafeMutablePointer<Unmanaged<HTTP2Client>?>
    private var bodies: [Int32: [UInt8]] = [:]
    /// The requests that ``finish(_:)`` ends.
    private var open: Set<Int32> = []
    package fileprivate(set) var responses: [Int32: Response] = [:]
    package fileprivate(set) var goAways: [GoAway] = []
    /// The types of all frames that arrived.
    package fileprivate(set) var frames: [UInt8] = []

    /// - Parameters:
    ///   - streamWindow: SETTINGS_INITIAL_WINDOW_SIZE.
    ///   - connectionWindow: The window of the connection; `nil` for the initial size.
    package init(streamWindow: UInt32 = 65_535, connectionWindow: Int32? = nil, updatesWindows: Updates = .automatic) {
        var callbacks: OpaquePointer?
        var options: OpaquePointer?
        var created: OpaquePointer?
        unsafe nghttp2_session_callbacks_new(&callbacks)
        unsafe nghttp2_option_new(&options)
        unsafe nghttp2_option_set_no_auto_window_update(options, updatesWindows == .manual ? 1 : 0)
        unsafe nghttp2_option_set_peer_max_concurrent_streams(options, 100_000)
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks, headerArrived)
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, dataArrived)
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameArrived)
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
        let box = UnsafeMutablePointer<Unmanaged<HTTP2Client>?>.allocate(capacity: 1)
        unsafe box.initialize(to: nil)
        unsafe nghttp2_session_client_new2(&created, callbacks, box, options)
        unsafe nghttp2_session_callbacks_del(callbacks)
        unsafe nghttp2_option_del(options)
        unsafe session = unsafe created!
        unsafe self.box = unsafe box
        unsafe box.pointee = Unmanaged.passUnretained(self)
        let window = nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: streamWindow)
        unsafe nghttp2_submit_settings(session, 0, [window], 1)
        if let connectionWindow { unsafe nghttp2_session_set_local_window_size(session, 0, 0, connectionWindow) }
    }

    package enum Updates { case automatic, manual }

    deinit {
        unsafe nghttp2_session_del(session)
        unsafe box.deallocate()
    }

    /// Queues a request.
    ///
    /// - Parameters:
    ///   - body: `nil` ends the stream with its headers.
    ///   - end: Whether ``finish(_:)`` ends the request.
    package func request(_ headers: [(String, String)], body: [UInt8]? = nil, _ end: End = .ended) -> Int32 {
        let parts = headers.map { (Array($0.0.utf8), Array($0.1.utf8)) }
        let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: parts.reduce(1) { $0 + $1.0.count + $1.1.count })
        defer { unsafe bytes.deallocate() }
        var fields = unsafe [nghttp2_nv]()
        var offset = 0
        for (name, value) in parts {
            for byte in name + value {
                unsafe bytes[offset] = byte
                offset += 1
            }
            let start = unsafe bytes.baseAddress! + offset - name.count - value.count
            unsafe fields.append(
                nghttp2_nv(name: start, value: start + name.count, namelen: name.count, valuelen: value.count, flags: 0))
        }
        guard let body else { return unsafe nghttp2_submit_request(session, nil, fields, fields.count, nil, nil) }
        var provider = unsafe nghttp2_data_provider(source: nghttp2_data_source(fd: 0), read_callback: readBody)
        let id = unsafe nghttp2_submit_request(session, nil, fields, fields.count, &provider, nil)
        bodies[id] = body
        if end == .open { open.insert(id) }
        return id
    }

    /// Ends a request that was left open.
    package func finish(_ id: Int32) {
        open.remove(id)
        unsafe nghttp2_session_resume_data(session, id)
    }

    /// Queues RST_STREAM.
    ///
    /// - Parameter code: By default CANCEL.
    package func reset(_ id: Int32, _ code: UInt32 = 8) {
        unsafe nghttp2_submit_rst_stream(session, 0, id, code)
    }

    package func ping() {
        unsafe nghttp2_submit_ping(session, 0, nil)
    }

    /// Changes SETTINGS_INITIAL_WINDOW_SIZE.
    package func setStreamWindow(_ size: UInt32) {
        let window = nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: size)
        unsafe nghttp2_submit_settings(session, 0, [window], 1)
    }

    /// Gives received bytes back to the windows of a stream and of the connection.
    package func consume(_ id: Int32, _ count: Int) {
        unsafe nghttp2_session_consume(session, id, count)
    }

    /// All bytes that the client sends now.
    package func output() -> [UInt8] {
        var all: [UInt8] = []
        while true {
            var start: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(session, &start)
            guard count > 0 else { return all }
            unsafe all.append(contentsOf: UnsafeBufferPointer(start: start, count: count))
        }
    }

    /// Handles bytes of the server.
    ///
    /// - Returns: Whether they are valid.
    @discardableResult
    package func receive(_ bytes: [UInt8]) -> Bool {
        unsafe nghttp2_session_mem_recv(session, bytes, bytes.count) == bytes.count
    }

    fileprivate func update(_ id: Int32, _ change: (inout Response) -> Void) {
        change(&responses[id, default: Response()])
    }

    /// - Returns: `nil` if the rest comes later.
    fileprivate func takeBody(_ id: Int32, upTo count: Int) -> (part: [UInt8], isLast: Bool)? {
        let whole = bodies[id] ?? []
        let part = Array(whole.prefix(count))
        bodies[id] = Array(whole.dropFirst(count))
        if part.isEmpty, open.contains(id) { return nil }
        return (part, whole.count <= count && !open.contains(id))
    }

    fileprivate func note(_ frame: nghttp2_frame) {
        let header = unsafe frame.hd
        frames.append(header.type)
        switch UInt32(header.type) {
        case NGHTTP2_GOAWAY.rawValue:
            let goAway = unsafe frame.goaway
            goAways.append(GoAway(last: unsafe goAway.last_stream_id, code: unsafe goAway.error_code))
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
            if UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 { update(header.stream_id) { $0.hasEnded = true } }
        default: break
        }
    }
}

private func client(_ context: UnsafeMutableRawPointer?) -> HTTP2Client {
    unsafe context!.assumingMemoryBound(to: Unmanaged<HTTP2Client>?.self).pointee!.takeUnretainedValue()
}

private func text(_ start: UnsafePointer<UInt8>?, _ count: Int) -> String {
    unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
}

private let headerArrived: nghttp2_on_header_callback = { _, frame, name, nameCount, value, valueCount, _, context in
    let header = HTTP2Client.Header(name: unsafe text(name, nameCount), value: unsafe text(value, valueCount))
    unsafe client(context).update(frame!.pointee.hd.stream_id) { $0.headers.append(header) }
    return 0
}

private func dataArrived(
    _ session: OpaquePointer?, _ flags: UInt8, _ id: Int32, _ data: UnsafePointer<UInt8>?, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: count))
    unsafe client(context).update(id) { $0.body += bytes }
    return 0
}

private func frameArrived(_ session: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ context: UnsafeMutableRawPointer?)
    -> Int32
{
    unsafe client(context).note(frame!.pointee)
    return 0
}

private func streamClosed(_ session: OpaquePointer?, _ id: Int32, _ error: UInt32, _ context: UnsafeMutableRawPointer?) -> Int32 {
    unsafe client(context).update(id) { $0.closeCode = error }
    return 0
}

private let readBody: nghttp2_data_source_read_callback = { _, id, buffer, capacity, flags, _, context in
    guard let (part, isLast) = unsafe client(context).takeBody(id, upTo: capacity) else {
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    for index in part.indices { unsafe buffer![index] = part[index] }
    if isLast { unsafe flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
    return part.count
}
