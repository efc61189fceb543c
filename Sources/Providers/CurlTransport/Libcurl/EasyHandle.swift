internal import CCurl
internal import CDoormanCurl
internal import ProviderHTTP

/// libcurl's easy handle (`libcurl-easy(3)`): one transfer's options. Used by the curl thread only.
@safe final class EasyHandle {
    /// What tells handles apart.
    typealias ID = UInt

    let pointer: UnsafeMutableRawPointer
    /// What libcurl does not copy.
    private var lists: [UnsafeMutablePointer<curl_slist>?] = unsafe []
    /// Whether libcurl took every option so far. A rejected option, for example without memory left, must keep the transfer from starting.
    private(set) var isValid = true

    init?() {
        guard let pointer = unsafe curl_easy_init() else { return nil }
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        unsafe curl_easy_cleanup(pointer)
        for index in unsafe lists.indices { unsafe curl_slist_free_all(lists[index]) }
    }

    var id: ID { unsafe UInt(bitPattern: pointer) }

    func set(_ option: CURLoption, _ value: Int) {
        note(unsafe doorman_curl_easy_setopt_long(pointer, option, value))
    }

    func enable(_ option: CURLoption, if condition: Bool = true) {
        set(option, condition ? 1 : 0)
    }

    func disable(_ option: CURLoption) {
        set(option, 0)
    }

    /// Whole milliseconds, rounded up; libcurl takes 0 for no limit.
    func set(_ option: CURLoption, _ value: Duration) {
        let (seconds, attoseconds) = value.components
        let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        set(option, max(1, Int(milliseconds)))
    }

    func setLarge(_ option: CURLoption, _ value: Int) {
        note(unsafe doorman_curl_easy_setopt_off_t(pointer, option, curl_off_t(value)))
    }

    /// How long the kernel lets sent bytes go unacknowledged before it gives the connection up (`TCP_USER_TIMEOUT`, tcp(7)).
    func setUserTimeout(_ value: Duration) {
        let (seconds, attoseconds) = value.components
        note(
            unsafe doorman_curl_set_user_timeout(
                pointer, CUnsignedInt(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)))
    }

    /// `nil` takes a default away.
    func set(_ option: CURLoption, _ value: String?) {
        if let value {
            note(unsafe doorman_curl_easy_setopt_string(pointer, option, value))
        } else {
            note(unsafe doorman_curl_easy_setopt_string(pointer, option, nil))
        }
    }

    func set(_ option: CURLoption, _ values: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for value in values {
            guard let longer = unsafe curl_slist_append(list, value) else {
                isValid = false
                break
            }
            unsafe list = longer
        }
        unsafe lists.append(list)
        note(unsafe doorman_curl_easy_setopt_pointer(pointer, option, list))
    }

    /// Has the three callbacks called with the transfer, which must outlive this handle's stay in a multi handle.
    func setCallbacks(to transfer: Transfer) {
        let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_PREREQDATA] {
            note(unsafe doorman_curl_easy_setopt_pointer(pointer, option, context))
        }
        note(unsafe doorman_curl_easy_setopt_data_function(pointer, CURLOPT_WRITEFUNCTION, bodyArrived))
        note(unsafe doorman_curl_easy_setopt_data_function(pointer, CURLOPT_HEADERFUNCTION, headerLineArrived))
        note(unsafe doorman_curl_easy_setopt_prereq_function(pointer, requestIsAboutToBeSent))
    }

    /// The status of the answer (`CURLINFO_RESPONSE_CODE`); 0 if there is none.
    var status: Int {
        var status = 0
        let code = unsafe doorman_curl_easy_getinfo_long(pointer, CURLINFO_RESPONSE_CODE, &status)
        return code == CURLE_OK ? status : 0
    }

    /// How many connections were opened for this transfer (`CURLINFO_NUM_CONNECTS`).
    var newConnections: Int {
        var count = 0
        let code = unsafe doorman_curl_easy_getinfo_long(pointer, CURLINFO_NUM_CONNECTS, &count)
        return code == CURLE_OK ? count : 0
    }

    private func note(_ code: CURLcode) {
        isValid = isValid && code == CURLE_OK
    }
}

// What libcurl calls, on the curl thread, from inside curl_multi_perform(). File-scope functions: a closure would carry
// the isolation of where it is written, which traps on another thread.

private func transfer(from context: UnsafeMutableRawPointer?) -> Transfer? {
    unsafe context.map { unsafe Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
}

/// `CURLOPT_WRITEFUNCTION(3)`: anything but the count ends the transfer.
private func bodyArrived(_ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?)
    -> Int
{
    guard let transfer = unsafe transfer(from: context) else { return 0 }
    let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    return unsafe transfer.take(bodyBytes: buffer.bytes) ? buffer.count : 0
}

/// `CURLOPT_HEADERFUNCTION(3)`: called with one whole line at a time.
private func headerLineArrived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer(from: context) else { return 0 }
    let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    return unsafe transfer.take(headerLine: buffer.bytes) ? buffer.count : 0
}

/// `CURLOPT_PREREQFUNCTION(3)`: the connection stands, and the request goes out next.
private func requestIsAboutToBeSent(
    _ context: UnsafeMutableRawPointer?, _ primaryIP: UnsafeMutablePointer<CChar>?, _ localIP: UnsafeMutablePointer<CChar>?,
    _ primaryPort: CInt, _ localPort: CInt
) -> CInt {
    guard let transfer = unsafe transfer(from: context), transfer.maySend() else {
        return CInt(CURL_PREREQFUNC_ABORT)
    }
    return CInt(CURL_PREREQFUNC_OK)
}

// What is asked of libcurl, and refused to it: everything not named here stays off or at a default that is safe.

extension EasyHandle {
    /// - Parameter remaining: What is left of the caller's own time; positive.
    func apply(_ settings: CurlTransport.Settings, remaining: Duration) {
        set(CURLOPT_CONNECTTIMEOUT_MS, min(settings.connectTimeout, remaining))
        set(CURLOPT_TIMEOUT_MS, min(settings.requestTimeout, remaining))
        setLarge(CURLOPT_MAXFILESIZE_LARGE, settings.maximumBodyBytes)
        set(CURLOPT_USERAGENT, settings.userAgent)

        set(CURLOPT_PROTOCOLS_STR, "http,https")
        disable(CURLOPT_FOLLOWLOCATION)
        set(CURLOPT_DNS_CACHE_TIMEOUT, settings.dnsCacheSeconds)
        enable(CURLOPT_TCP_KEEPALIVE)
        // A shared connection whose path is gone without a word would be used, and waited for, for a quarter of an hour.
        setUserTimeout(settings.requestTimeout)
        // Signals belong to the process; the curl thread blocks them all, SIGPIPE too.
        enable(CURLOPT_NOSIGNAL)
        // A lookup of a name that takes too long is left to its own thread. Without this libcurl would wait for it, however long,
        // and with it the curl thread and every other transfer (`lib/asyn-thread.c`).
        enable(CURLOPT_QUICK_EXIT)

        enable(CURLOPT_SSL_VERIFYPEER)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        if let caFile = settings.caFile {
            set(CURLOPT_CAINFO, caFile)
            // Without this the system's directory of authorities would be trusted as well.
            set(CURLOPT_CAPATH, nil)
        }

        // An empty proxy keeps libcurl from reading the environment. The environment's list of exceptions is not read either.
        set(CURLOPT_PROXY, settings.proxy ?? "")
        set(CURLOPT_NOPROXY, settings.proxy == nil ? "*" : "localhost,127.0.0.0/8,::1")
        enable(CURLOPT_SUPPRESS_CONNECT_HEADERS)
    }

    func apply(_ request: HTTPRequest) {
        set(CURLOPT_URL, request.url)
        switch request.method {
        case .get:
            enable(CURLOPT_HTTPGET)
        case .post:
            enable(CURLOPT_POST)
            set(CURLOPT_POSTFIELDSIZE, 0)
            set(CURLOPT_COPYPOSTFIELDS, "")
        case .delete:
            set(CURLOPT_CUSTOMREQUEST, HTTPRequest.Method.delete.rawValue)
        }
        // HTTP/2 if the server offers it, which only TLS tells in time: a request then waits for a connection under construction
        // to see whether it can share it. Without TLS it would wait for a whole answer. A request that must not be repeated
        // shares no connection: libcurl repeats a request whose connection others have used.
        let mayShare = request.mayShareConnection
        set(CURLOPT_HTTP_VERSION, mayShare ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)
        enable(CURLOPT_PIPEWAIT, if: mayShare)
        enable(CURLOPT_FRESH_CONNECT, if: !request.isRepeatable)
        enable(CURLOPT_FORBID_REUSE, if: !request.isRepeatable)
    }
}
