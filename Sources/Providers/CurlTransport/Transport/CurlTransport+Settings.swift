internal import DoormanCore

extension CurlTransport {
    /// The limits, the trusted authorities and the proxy of a transport.
    package struct Settings: Sendable, Hashable {
        /// The maximum time to connect: name lookup, TCP, TLS, and waiting for one of ``maximumConnections``. Default 500 ms.
        package var connectTimeout: Duration = .milliseconds(500)
        /// The maximum time for a whole request. A shorter timeout of the caller takes precedence. Default 700 ms.
        package var requestTimeout: Duration = .milliseconds(700)
        /// The maximum length of a response's body, unless the request has a limit of its own. Default 64 KiB.
        package var maximumBodyBytes = 64 * 1024
        /// The maximum length of a response's header, all lines together. Default 16 KiB.
        package var maximumHeaderBytes = 16 * 1024
        /// The maximum number of connections to one host. Default 64.
        ///
        /// Requests that are not repeatable have a pool of their own with the same limit. Connections that are being replaced come
        /// on top. Over HTTP/2, many requests share a connection. Until a server states its limit, libcurl assumes 100 requests at
        /// once per connection, and opens further connections for more.
        package var maximumConnections = 64
        /// The maximum age of connections that take new requests. Default 5 min.
        ///
        /// Older connections are replaced by connections to the addresses of that time. Their requests in flight are not
        /// interrupted.
        package var maximumConnectionLifetime: Duration = .seconds(300)
        /// The number of time-outs in a row on shared connections, without a response between them, after which they are replaced.
        /// Default 2.
        ///
        /// Requests in flight continue on the old connections. Two replacements are at least ``connectTimeout`` apart.
        package var timeoutsUntilReconnect = 2
        /// The TTL of entries in the DNS cache; zero disables it. Default 30 s. Rounded up to whole seconds.
        package var dnsCacheTTL: Duration = .seconds(30)
        /// Initial entries `name:port:address` of the DNS cache, valid for ``dnsCacheTTL``. Default none.
        ///
        /// For tests in which a name changes its address.
        package var dnsOverrides: [String] = []
        /// The maximum number of requests at once, running and waiting. Default 1,024.
        package var maximumRequests = 1024
        /// The only authorities to trust, in PEM form; `nil` for the system's. See ``CurlTransport/replaceAuthorities(_:)``.
        package var authorities: [UInt8]?
        /// The URL of a proxy for requests to other machines; `nil` for none. `http_proxy` and similar variables are ignored.
        ///
        /// Not `https://`: libcurl does not tell whether the TLS session with the proxy has unread bytes.
        package var proxy: String?
        /// The `User-Agent` header. Default `doorman`.
        package var userAgent = "doorman"

        package init() {}

        /// The first invalid setting, and the expected value; `nil` if all are valid.
        var problem: String? {
            if connectTimeout <= .zero { return "connectTimeout must be positive" }
            if requestTimeout <= .zero { return "requestTimeout must be positive" }
            if maximumBodyBytes < 1 { return "maximumBodyBytes must be positive" }
            if maximumHeaderBytes < 1 { return "maximumHeaderBytes must be positive" }
            if maximumConnections < 1 { return "maximumConnections must be positive" }
            if maximumConnectionLifetime <= .zero { return "maximumConnectionLifetime must be positive" }
            if timeoutsUntilReconnect < 1 { return "timeoutsUntilReconnect must be positive" }
            if dnsCacheTTL < .zero { return "dnsCacheTTL must not be negative" }
            if proxy?.lowercased().hasPrefix("https:") == true { return "proxy must not be https://" }
            if authorities?.isEmpty == true { return "authorities must not be empty" }
            if maximumRequests < 1 { return "maximumRequests must be positive" }
            return nil
        }

        /// The value for `CURLOPT_DNS_CACHE_TIMEOUT(3)`: whole seconds, rounded up.
        var dnsCacheSeconds: Int {
            let (seconds, attoseconds) = dnsCacheTTL.components
            return Int(clamping: seconds) + (attoseconds > 0 ? 1 : 0)
        }
    }

    /// The reason why a transport can't be created.
    package enum SetupError: Error, Sendable, Hashable {
        /// A setting is invalid. The text names it, and the expected value.
        case invalidSetting(String)
        /// libcurl or the system is out of resources.
        case unavailable
    }
}

/// The proxy's URL may contain a password.
extension CurlTransport.Settings: Redacted {
    package var description: String {
        "CurlTransport.Settings(connectTimeout: \(connectTimeout), requestTimeout: \(requestTimeout), "
            + "maximumBodyBytes: \(maximumBodyBytes), maximumConnections: \(maximumConnections), "
            + "proxy: \(proxy == nil ? "no" : "yes"))"
    }
}
