internal import CCurl
private import CDoormanCurl
private import NIOConcurrencyHelpers

/// A multi handle of libcurl (`libcurl-multi(3)`): all transfers, connections and TLS sessions of one curl thread.
///
/// Confined to that thread, except for ``waker``.
@safe final class MultiHandle {
    let waker: Waker
    let sockets: OpenSockets
    private let multi: UnsafeMutableRawPointer

    /// - Parameters:
    ///   - maximumConnections: The maximum number of connections to one host.
    ///   - maximumStreams: The maximum number of requests at once over one HTTP/2 connection, if its server allows as many.
    ///     libcurl's default is 100.
    /// - Throws: ``CurlTransport/SetupError/unavailable`` if libcurl is out of memory.
    init(maximumConnections: Int, maximumStreams: Int, userTimeout: Duration) throws(CurlTransport.SetupError) {
        sockets = try OpenSockets(userTimeout: userTimeout)
        guard isLibcurlReady, let multi = unsafe curl_multi_init() else { throw .unavailable }
        unsafe self.multi = unsafe multi
        waker = unsafe Waker(multi)
        for option in [CURLMOPT_MAX_HOST_CONNECTIONS, CURLMOPT_MAXCONNECTS] {
            unsafe doorman_curl_multi_setopt_long(multi, option, maximumConnections)
        }
        unsafe doorman_curl_multi_setopt_long(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, min(maximumStreams, Int(Int32.max)))
        unsafe doorman_curl_multi_setopt_long(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX)
    }

    /// Closes all connections. All transfers must have been removed before.
    deinit {
        waker.disarm()
        unsafe curl_multi_cleanup(multi)
    }

    func add(_ easy: EasyHandle) -> Bool {
        unsafe sockets.track(easy.pointer) && curl_multi_add_handle(multi, easy.pointer) == CURLM_OK
    }

    func remove(_ easy: EasyHandle) {
        unsafe curl_multi_remove_handle(multi, easy.pointer)
    }

    /// Advances all transfers as far as possible without waiting.
    ///
    /// - Returns: False if libcurl fails.
    func perform() -> Bool {
        var running: CInt = 0
        return unsafe curl_multi_perform(multi, &running) == CURLM_OK
    }

    /// Returns the next transfer that has ended, and its result; `nil` if there are no more.
    func nextEnded() -> (EasyHandle.ID, CURLcode)? {
        var easy: UnsafeMutableRawPointer?
        var code = CURLE_OK
        guard unsafe doorman_curl_multi_next_ended(multi, &easy, &code), let easy = unsafe easy else { return nil }
        return (UInt(bitPattern: easy), code)
    }

    /// Waits until a transfer can continue, a timer fires, another thread uses the waker, or the time is over.
    ///
    /// - Returns: False if libcurl fails.
    func wait(atMost milliseconds: CInt) -> Bool {
        unsafe curl_multi_poll(multi, nil, 0, milliseconds, nil) == CURLM_OK
    }
}

/// Ends the wait of a multi handle, from any thread. A wake-up before the wait ends the next wait at once.
final class Waker: Sendable {
    /// The address of the multi handle; `nil` once the handle is being freed.
    private let address: NIOLockedValueBox<UInt?>

    fileprivate init(_ multi: UnsafeMutableRawPointer) {
        address = NIOLockedValueBox(UInt(bitPattern: multi))
    }

    /// Ends the wait. The lock is held during the call to keep the handle alive; the call writes to a socket without blocking.
    func wake() {
        address.withLockedValue { address in
            guard let address, let multi = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
            _ = unsafe curl_multi_wakeup(multi)
        }
    }

    fileprivate func disarm() {
        address.withLockedValue { $0 = nil }
    }
}

/// Whether `curl_global_init(3)` succeeded. The first read calls it.
private let isLibcurlReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
