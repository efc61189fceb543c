internal import CCurl
internal import ProviderHTTP

// What is asked of libcurl, and refused to it: everything not named here stays off or at a default that is safe.

extension EasyHandle {
    /// - Parameter remaining: What is left of the caller's own time; positive.
    func apply(_ settings: CurlTransport.Settings, remaining: Duration) {
        set(CURLOPT_CONNECTTIMEOUT_MS, min(settings.connectTimeout, remaining))
        set(CURLOPT_TIMEOUT_MS, min(settings.requestTimeout, remaining))
        setLarge(CURLOPT_MAXFILESIZE_LARGE, settings.maximumBodyBytes)
        set(CURLOPT_USERAGENT, settings.userAgent)

        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_FOLLOWLOCATION, false)
        set(CURLOPT_DNS_CACHE_TIMEOUT, settings.wholeSecondsOfNameCache)
        set(CURLOPT_TCP_KEEPALIVE, true)
        // A shared connection whose path is gone without a word would be used, and waited for, for a quarter of an hour.
        setUserTimeout(settings.requestTimeout)
        // Signals belong to the process; the owner thread blocks them all, SIGPIPE too.
        set(CURLOPT_NOSIGNAL, true)
        // A lookup of a name that takes too long is left to its own thread. Without this libcurl would wait for it, however long,
        // and with it the owner thread and every other transfer (`lib/asyn-thread.c`).
        set(CURLOPT_QUICK_EXIT, true)

        set(CURLOPT_SSL_VERIFYPEER, true)
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
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
    }

    func apply(_ request: HTTPRequest) {
        set(CURLOPT_URL, request.url)
        switch request.method {
        case .get:
            set(CURLOPT_HTTPGET, true)
        case .post:
            set(CURLOPT_POST, true)
            set(CURLOPT_POSTFIELDSIZE, 0)
            set(CURLOPT_COPYPOSTFIELDS, "")
        case .delete:
            set(CURLOPT_CUSTOMREQUEST, HTTPRequest.Method.delete.rawValue)
        }
        // HTTP/2 if the server offers it, which only TLS tells in time: a request then waits for a connection under construction
        // to see whether it can share it. Without TLS it would wait for a whole answer. A request that must not be repeated
        // shares its connection with nobody: libcurl repeats one whose connection others have used.
        let mayShare = request.mayShareConnection
        set(CURLOPT_HTTP_VERSION, mayShare ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1)
        set(CURLOPT_PIPEWAIT, mayShare)
        set(CURLOPT_FRESH_CONNECT, !request.isRepeatable)
        set(CURLOPT_FORBID_REUSE, !request.isRepeatable)
    }
}
