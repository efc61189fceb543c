internal import CCurl
private import CDoormanCurl
private import NIOConcurrencyHelpers

/// libcurl's multi handle (`libcurl-multi(3)`): all transfers, connections and TLS sessions of one curl thread. Only its
/// ``waker`` may be used by other threads.
@safe final class MultiHandle {
    let waker: Waker
    private let multi: UnsafeMutableRawPointer

    /// - Parameter maximumStreams: Requests at once over one HTTP/2 connection, as far as its server allows it. libcurl's own hundred
    ///   would open another connection for each hundred.
    /// - Throws: ``CurlTransport/SetupError/unavailable`` if libcurl has no memory left.
    init(maximumConnections: Int, maximumStreams: Int) throws(CurlTransport.SetupError) {
        guard isLibcurlReady, let multi = unsafe curl_multi_init() else { throw .unavailable }
        unsafe self.multi = unsafe multi
        waker = unsafe Waker(multi)
        for option in [CURLMOPT_MAX_HOST_CONNECTIONS, CURLMOPT_MAXCONNECTS] {
            unsafe doorman_curl_multi_setopt_long(multi, option, maximumConnections)
        }
        unsafe doorman_curl_multi_setopt_long(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, min(maximumStreams, Int(Int32.max)))
        unsafe doorman_curl_multi_setopt_long(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX)
    }

    /// Closes every connection. Every transfer must have been removed before.
    deinit {
        waker.disarm()
        unsafe curl_multi_cleanup(multi)
    }

    func add(_ easy: EasyHandle) -> Bool {
        unsafe curl_multi_add_handle(multi, easy.pointer) == CURLM_OK
    }

    func remove(_ easy: EasyHandle) {
        unsafe curl_multi_remove_handle(multi, easy.pointer)
    }

    /// Moves all transfers on as far as they go without waiting.
    func perform() -> Bool {
        var running: CInt = 0
        return unsafe curl_multi_perform(multi, &running) == CURLM_OK
    }

    /// The next transfer that has ended, by its handle's identity, and libcurl's code for it.
    func nextEnded() -> (EasyHandle.ID, CURLcode)? {
        var easy: UnsafeMutableRawPointer?
        var code = CURLE_OK
        guard unsafe doorman_curl_multi_next_ended(multi, &easy, &code), let easy = unsafe easy else { return nil }
        return (UInt(bitPattern: easy), code)
    }

    /// Waits until a transfer can move on, one of its timers ends, the waker is used, or the time is over.
    func wait(atMost milliseconds: CInt) -> Bool {
        unsafe curl_multi_poll(multi, nil, 0, milliseconds, nil) == CURLM_OK
    }
}

/// Ends the wait of a multi handle, from any thread. A wake-up that comes before the wait ends it at once.
final class Waker: Sendable {
    /// The multi handle's address; nil once it may no longer be used.
    private let address: NIOLockedValueBox<UInt?>

    fileprivate init(_ multi: UnsafeMutableRawPointer) {
        address = NIOLockedValueBox(UInt(bitPattern: multi))
    }

    /// The lock is held during the call, which only writes to a socket without waiting: it keeps the handle alive.
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

/// Whether `curl_global_init(3)` has succeeded; called once, by the first reader.
private let isLibcurlReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
