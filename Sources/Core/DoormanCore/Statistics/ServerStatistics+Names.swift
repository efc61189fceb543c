extension ServerStatistics {
    /// What a counter or a gauge is called. A server may have some that this version does not know.
    public struct Name: RawRepresentable, Sendable, Hashable {
        /// The name on the wire.
        public var rawValue: String

        /// A name that this version may not know.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }
    }
}

// Counters.
extension ServerStatistics.Name {
    /// Calls whose token memory knew.
    public static let cacheHits = Self(rawValue: "cache.hits")
    /// Calls whose token memory did not know, at first.
    public static let cacheMisses = Self(rawValue: "cache.misses")
    /// Calls that found their question put already, and waited for its answer.
    public static let cacheJoined = Self(rawValue: "cache.joined")
    /// Refreshes of answers before their time was up.
    public static let cacheRefreshed = Self(rawValue: "cache.refreshed")
    /// Answers past their time, given because the provider could not be asked.
    public static let cacheStale = Self(rawValue: "cache.stale")
    /// Valid tokens that had to go for others.
    public static let cacheEvictions = Self(rawValue: "cache.evictions")
    /// Refused tokens that had to go for others.
    public static let cacheRejectedEvictions = Self(rawValue: "cache.rejected_evictions")
    /// Connections to the provider that were opened, or at least tried.
    public static let providerConnectionsOpened = Self(rawValue: "provider.connections_opened")

    /// Reloads of the settings that were put into force.
    public static let reloadsApplied = Self(rawValue: "reloads.applied")
    /// Reloads that left the last good settings in force.
    public static let reloadsFailed = Self(rawValue: "reloads.failed")

    /// Connections that the server closed for this reason, such as `idle`.
    public static func connectionsClosed(_ why: String) -> Self {
        Self(rawValue: "connections.closed.\(why)")
    }
}

// Gauges.
extension ServerStatistics.Name {
    /// Questions to the provider that are open.
    public static let cacheFlights = Self(rawValue: "cache.flights")
    /// How many tokens of one application can be kept fresh: calls to the provider in a second times the seconds that an answer is good
    /// for.
    public static let cacheCapacity = Self(rawValue: "cache.capacity_tokens")
    /// When the server's own certificate ends, in seconds of Unix time. Only with TLS.
    public static let tlsCertificateExpiry = Self(rawValue: "tls.certificate_expiry_seconds")
    /// Requests to the provider under way.
    public static let providerRequests = Self(rawValue: "provider.requests")
}
