internal import DoormanCore

extension CurlTransport {
    /// The limits and the trust of a transport.
    package struct Settings: Sendable, Hashable {
        /// How long connecting may take: name, TCP and TLS, and waiting for one of ``maximumConnections``. Default 1 s.
        package var connectTimeout: Duration = .seconds(1)
        /// How long a whole request may take. The caller's own time may be shorter, and then counts. Default 2 s.
        package var requestTimeout: Duration = .seconds(2)
        /// The longest body that is taken. Default 64 KiB.
        package var maximumBodyBytes = 64 * 1024
        /// The longest header that is taken, names and values of all fields together. Default 16 KiB.
        package var maximumHeaderBytes = 16 * 1024
        /// The most connections to one host. Over HTTP/2 many requests share one. Default 64. There may be as many again for requests
        /// that are good once, and those that are being replaced finish their requests beside them.
        ///
        /// libcurl takes a hundred requests at once for what a server allows on a connection until the server has said so. If more come
        /// before, they get connections of their own.
        package var maximumConnections = 64
        /// How long connections are used for new requests; then others take their place, to the addresses that the names stand for by
        /// then. Default 5 min. Connections may be replaced at this age under full load, with no request the worse for it.
        package var maximumConnectionLifetime: Duration = .seconds(300)
        /// How many requests in a row must time out on shared connections, with no answer among them, for the next to get a new
        /// connection. Default 2. What is under way on the old one may still be answered. New connections are made for this no
        /// sooner than ``connectTimeout`` after the last.
        package var timeoutsUntilReconnect = 2
        /// TTL of a name's addresses, for new connections; zero caches none. Default 30 s. libcurl counts whole seconds: a part of a
        /// second is rounded up.
        package var dnsCacheTTL: Duration = .seconds(30)
        /// Entries `name:port:address` that the DNS cache holds at the start, as if just looked up, until ``dnsCacheTTL`` has passed. For
        /// tests of a name that comes to stand for another address. Default none.
        package var dnsOverrides: [String] = []
        /// The most requests at once, running and waiting. Default 1,024.
        package var maximumRequests = 1024
        /// A PEM file of the only authorities to trust; nil for those of the system.
        package var caFile: String?
        /// The URL of a proxy for requests to other machines; nil for none. `http_proxy` and its kind are never looked at.
        package var proxy: String?
        /// Default `doorman`.
        package var userAgent = "doorman"

        package init() {}

        /// What is wrong with the settings, if something is.
        var problem: String? {
            if connectTimeout <= .zero { return "connectTimeout must be positive" }
            if requestTimeout <= .zero { return "requestTimeout must be positive" }
            if maximumBodyBytes < 1 { return "maximumBodyBytes must be positive" }
            if maximumHeaderBytes < 1 { return "maximumHeaderBytes must be positive" }
            if maximumConnections < 1 { return "maximumConnections must be positive" }
            if maximumConnectionLifetime <= .zero { return "maximumConnectionLifetime must be positive" }
            if timeoutsUntilReconnect < 1 { return "timeoutsUntilReconnect must be positive" }
            if dnsCacheTTL < .zero { return "dnsCacheTTL must not be negative" }
            if maximumRequests < 1 { return "maximumRequests must be positive" }
            return nil
        }

        /// For `CURLOPT_DNS_CACHE_TIMEOUT(3)`.
        var dnsCacheSeconds: Int {
            let (seconds, attoseconds) = dnsCacheTTL.components
            return Int(clamping: seconds) + (attoseconds > 0 ? 1 : 0)
        }
    }

    /// Why a transport could not be made.
    package enum SetupError: Error, Sendable, Hashable {
        /// A setting makes no sense; the text says which and why.
        case invalidSetting(String)
        /// The file of authorities can't be read.
        case unreadableCAFile
        /// libcurl or the system gave no more resources.
        case unavailable
    }
}

/// A proxy's URL may hold a password.
extension CurlTransport.Settings: Redacted {
    package var description: String {
        "CurlTransport.Settings(connectTimeout: \(connectTimeout), requestTimeout: \(requestTimeout), "
            + "maximumBodyBytes: \(maximumBodyBytes), maximumConnections: \(maximumConnections), "
            + "proxy: \(proxy == nil ? "no" : "yes"))"
    }
}
