internal import CCurl
internal import CDoormanCurl
internal import ProviderHTTP

/// An easy handle of libcurl (`libcurl-easy(3)`): the options of one transfer. Confined to the curl thread.
@safe final class EasyHandle {
    /// The identity of a handle.
    typealias ID = UInt

    let pointer: UnsafeMutableRawPointer
    /// Lists that libcurl reads without copying, so they live as long as the handle.
    private var lists: [UnsafeMutablePointer<curl_slist>?] = unsafe []
    /// Whether libcurl accepted every option so far. The transfer must not start otherwise.
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

    /// Sets a time in whole milliseconds, rounded up to at least 1, since 0 means no limit to libcurl.
    func set(_ option: CURLoption, _ value: Duration) {
        let (seconds, attoseconds) = value.components
        let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        set(option, max(1, Int(milliseconds)))
    }

    func setLarge(_ option: CURLoption, _ value: Int) {
        note(unsafe doorman_curl_easy_setopt_off_t(pointer, option, curl_off_t(value)))
    }

    /// Sets a text. `nil` removes libcurl's default.
    func set(_ option: CURLoption, _ value: String?) {
        if let value {
            note(unsafe doorman_curl_easy_setopt_string(pointer, option, value))
        } else {
            note(unsafe doorman_curl_easy_setopt_string(pointer, option, nil))
        }
    }

    func set(_ option: CURLoption, _ bytes: [UInt8]) {
        note(unsafe bytes.withUnsafeBytes { unsafe doorman_curl_easy_setopt_blob(pointer, option, $0.baseAddress, $0.count) })
    }

    /// Sets the body of a POST. libcurl copies it.
    func setBody(_ bytes: [UInt8]) {
        setLarge(CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
        // libcurl only reads through the pointer, which must not be null: it would then ask a callback for the body.
        var bytes = bytes.isEmpty ? [0] : bytes
        note(
            unsafe bytes.withUnsafeMutableBytes {
                unsafe doorman_curl_easy_setopt_pointer(pointer, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
            })
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

    /// Sets the three callbacks. The transfer must live until the handle is removed from its multi handle.
    func setCallbacks(to transfer: Transfer) {
        let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_PREREQDATA] {
            note(unsafe doorman_curl_easy_setopt_pointer(pointer, option, context))
        }
        note(unsafe doorman_curl_easy_setopt_data_function(pointer, CURLOPT_WRITEFUNCTION, bodyArrived))
        note(unsafe doorman_curl_easy_setopt_data_function(pointer, CURLOPT_HEADERFUNCTION, headerLineArrived))
        note(unsafe doorman_curl_easy_setopt_prereq_function(pointer, requestIsAboutToBeSent))
    }

    /// The status of the response (`CURLINFO_RESPONSE_CODE`); 0 without a response.
    var status: Int {
        var status = 0
        let code = unsafe doorman_curl_easy_getinfo_long(pointer, CURLINFO_RESPONSE_CODE, &status)
        return code == CURLE_OK ? status : 0
    }

    /// The number of connections that were opened for this transfer (`CURLINFO_NUM_CONNECTS`).
    var newConnections: Int {
        number(CURLINFO_NUM_CONNECTS) ?? 0
    }

    /// A number about the transfer; `nil` if libcurl does not know it.
    func number(_ info: CURLINFO) -> Int? {
        var number = 0
        return unsafe doorman_curl_easy_getinfo_long(pointer, info, &number) == CURLE_OK ? number : nil
    }

    private func note(_ code: CURLcode) {
        isValid = isValid && code == CURLE_OK
    }
}

// Callbacks that libcurl calls on the curl thread, inside curl_multi_perform(). They are file-scope functions, since a closure
// inherits the isolation of its context, which traps on another thread.

private func transfer(from context: UnsafeMutableRawPointer?) -> Transfer? {
    unsafe context.map { unsafe Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
}

/// Receives a part of the body (`CURLOPT_WRITEFUNCTION(3)`). Any result except the number of bytes ends the transfer.
private func bodyArrived(_ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?)
    -> Int
{
    guard let transfer = unsafe transfer(from: context) else { return 0 }
    let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    return unsafe transfer.receive(bodyBytes: buffer.bytes) ? buffer.count : 0
}

/// Receives one whole header line (`CURLOPT_HEADERFUNCTION(3)`).
private func headerLineArrived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer(from: context) else { return 0 }
    let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    return unsafe transfer.receive(headerLine: buffer.bytes) ? buffer.count : 0
}

/// Decides whether to send the request on an established connection (`CURLOPT_PREREQFUNCTION(3)`).
private func requestIsAboutToBeSent(
    _ context: UnsafeMutableRawPointer?, _ primaryIP: UnsafeMutablePointer<CChar>?, _ localIP: UnsafeMutablePointer<CChar>?,
    _ primaryPort: CInt, _ localPort: CInt
) -> CInt {
    guard let transfer = unsafe transfer(from: context), let primaryIP = unsafe primaryIP, let localIP = unsafe localIP else {
        return CInt(CURL_PREREQFUNC_ABORT)
    }
    let connection = unsafe PickedConnection(
        easy: transfer.easy.pointer, remoteIP: primaryIP, remotePort: primaryPort, localIP: localIP, localPort: localPort)
    guard transfer.maySend(on: connection) else { return CInt(CURL_PREREQFUNC_ABORT) }
    return CInt(CURL_PREREQFUNC_OK)
}

// The options of a transfer. Every option that is not set here stays off, or at a default that is safe.

extension EasyHandle {
    /// Applies the transport's settings.
    ///
    /// - Parameter remaining: The caller's remaining time; positive.
    func apply(_ settings: CurlTransport.Settings, remaining: Duration) {
        set(CURLOPT_CONNECTTIMEOUT_MS, min(settings.connectTimeout, remaining))
        set(CURLOPT_TIMEOUT_MS, min(settings.requestTimeout, remaining))
        setLarge(CURLOPT_MAXFILESIZE_LARGE, settings.maximumBodyBytes)
        set(CURLOPT_USERAGENT, settings.userAgent)

        set(CURLOPT_PROTOCOLS_STR, "http,https")
        disable(CURLOPT_FOLLOWLOCATION)
        set(CURLOPT_DNS_CACHE_TIMEOUT, settings.dnsCacheSeconds)
        enable(CURLOPT_TCP_KEEPALIVE)
        // Signals belong to the process. The curl thread blocks all of them, SIGPIPE too.
        enable(CURLOPT_NOSIGNAL)
        // Abandons a slow name lookup on its own thread. Without this, libcurl would wait for that lookup and block the curl thread
        // with every other transfer (`lib/asyn-thread.c`).
        enable(CURLOPT_QUICK_EXIT)

        enable(CURLOPT_SSL_VERIFYPEER)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        if let authorities = settings.authorities {
            set(CURLOPT_CAINFO_BLOB, authorities)
            // Without this, libcurl would trust the system's directory of authorities as well.
            set(CURLOPT_CAPATH, nil)
        }

        // An empty proxy keeps libcurl from reading the proxies and the exceptions of the environment.
        set(CURLOPT_PROXY, settings.proxy ?? "")
        set(CURLOPT_NOPROXY, settings.proxy == nil ? "*" : "localhost,127.0.0.0/8,::1")
        enable(CURLOPT_SUPPRESS_CONNECT_HEADERS)
    }

    /// Applies a request: its method, URL, header and body, and the HTTP version.
    ///
    /// - Parameter connection: Which connections the request may use.
    func apply(_ request: HTTPRequest, on connection: Transfer.ConnectionChoice) {
        set(CURLOPT_URL, request.url)
        switch request.method {
        case .get:
            enable(CURLOPT_HTTPGET)
        case .post:
            enable(CURLOPT_POST)
            setBody(request.form)
        case .delete:
            set(CURLOPT_CUSTOMREQUEST, HTTPRequest.Method.delete.rawValue)
        }
        if let maximumBodyBytes = request.maximumBodyBytes { setLarge(CURLOPT_MAXFILESIZE_LARGE, maximumBodyBytes) }
        var fields = request.headers.fields.map { "\($0.name): \($0.value)" }
        // A field without a value removes libcurl's own: some servers never respond to `Expect: 100-continue`.
        if request.method == .post { fields.append("Expect:") }
        if !fields.isEmpty { set(CURLOPT_HTTPHEADER, fields) }
        // With TLS, libcurl negotiates HTTP/2 during the handshake, so a request can wait for a new connection and share it.
        // Without TLS, it would wait for a whole response. A request that is not repeatable shares no connection, since libcurl
        // repeats a request on a reused connection.
        let mayShare = request.mayShareConnection
        set(CURLOPT_HTTP_VERSION, mayShare ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)
        enable(CURLOPT_PIPEWAIT, if: mayShare)
        enable(CURLOPT_FRESH_CONNECT, if: !request.isRepeatable || connection == .new)
        enable(CURLOPT_FORBID_REUSE, if: !request.isRepeatable)
    }
}
