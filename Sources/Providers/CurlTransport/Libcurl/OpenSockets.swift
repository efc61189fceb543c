internal import CCurl
private import CDoormanCurl

/// The sockets of one multi handle's connections, by which a connection with unread bytes is found. Used by the curl thread only.
///
/// It must outlive the multi handle, whose end closes the sockets.
@safe final class OpenSockets {
    private let pointer: OpaquePointer

    /// - Parameter userTimeout: How long the kernel lets sent bytes go unacknowledged before it gives the connection up (`TCP_USER_TIMEOUT`,
    ///   tcp(7)).
    /// - Throws: ``CurlTransport/SetupError/unavailable`` without memory.
    init(userTimeout: Duration) throws(CurlTransport.SetupError) {
        let (seconds, attoseconds) = userTimeout.components
        let milliseconds = CUnsignedInt(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        guard let pointer = unsafe doorman_curl_sockets_create(milliseconds) else { throw .unavailable }
        unsafe self.pointer = pointer
    }

    deinit {
        unsafe doorman_curl_sockets_destroy(pointer)
    }

    /// Has the sockets noted that are opened for a handle.
    ///
    /// - Returns: Whether libcurl accepted that.
    func track(_ easy: UnsafeMutableRawPointer) -> Bool {
        unsafe doorman_curl_sockets_track(pointer, easy) == CURLE_OK
    }

    /// Returns whether a connection that libcurl picked for a request has no unread bytes.
    ///
    /// - Parameter isNew: Whether libcurl has just opened the connection.
    func isClean(_ connection: PickedConnection, isNew: Bool) -> Bool {
        unsafe doorman_curl_connection_is_clean(
            pointer, connection.easy, connection.remoteIP, connection.remotePort, connection.localIP, connection.localPort,
            isNew)
    }
}

/// The connection that libcurl picked for a request, as `CURLOPT_PREREQFUNCTION(3)` describes it. Valid inside that callback only.
@safe struct PickedConnection {
    let easy: UnsafeMutableRawPointer
    let remoteIP: UnsafePointer<CChar>
    let remotePort: CInt
    let localIP: UnsafePointer<CChar>
    let localPort: CInt

    /// Whether the connection speaks HTTP/2.
    var speaksHTTP2: Bool { unsafe doorman_curl_connection_speaks_http2(easy) }
}
