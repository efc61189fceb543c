/// What a server has counted since it started, and how full it is at the moment. Numbers, and names of the server's own: nothing of any
/// token, account or caller.
///
/// Rates come from two of these: see ``since(_:)``.
public struct ServerStatistics: Sendable, Hashable {
    /// When the server started, by its civil clock. Counts of another start say nothing of this one's.
    public var startedAt = Timestamp(millisecondsSince1970: 0)
    /// The time since the start by a monotonic clock, in whole milliseconds.
    public var uptime: Duration = .zero
    /// Calls by how they came out, those that waited once they ended. Only what has happened is here.
    public var calls: [CallKind: UInt64] = [:]
    /// What else is counted.
    public var counters: [Name: UInt64] = [:]
    /// What rises and falls.
    public var gauges: [Name: UInt64] = [:]
    /// The server's limits, and how full they are.
    public var limits: [LimitState] = []
    /// How things stand with the provider, for each application.
    public var applications: [ApplicationState] = []
    /// Calls to the provider by how they came out.
    public var providerRequests: [ProviderRequestKind: UInt64] = [:]
    /// How long the provider took to answer, whatever it said.
    public var providerLatency = LatencyHistogram.Snapshot()

    /// Of a server that has just started.
    public init() {}

    /// Which call, who answered it, and how.
    public struct CallKind: Sendable, Hashable {
        /// `Verify` and so on; empty for a call that was refused before it mattered which it is.
        public var method: String
        /// Where the answer came from: `memory`, `provider` or `server`.
        public var source: String
        /// The status code by its name, such as `OK`; empty for an answer from memory, which is OK or a refusal.
        public var code: String
        /// The reason of a failure that has one, such as `TOKEN_REJECTED`; else empty.
        public var reason: String

        /// For tests of yours; the client makes its own.
        public init(method: String, source: String, code: String, reason: String = "") {
            self.method = method
            self.source = source
            self.code = code
            self.reason = reason
        }
    }

    /// What the provider was asked, and what came of it.
    public struct ProviderRequestKind: Sendable, Hashable {
        /// Such as `me`.
        public var endpoint: String
        /// Such as `success`, `token_rejected`, or `failed_timedOut`.
        public var outcome: String

        /// For tests of yours; the client makes its own.
        public init(endpoint: String, outcome: String) {
            self.endpoint = endpoint
            self.outcome = outcome
        }
    }

    /// A limit of the server's, and how much of it is used.
    public struct LimitState: Sendable, Hashable {
        /// The setting that is the limit, such as `server.max-connections`.
        public var setting: String
        /// The application it is about; nil for a limit of the whole server.
        public var applicationID: String?
        /// How much is used, in the setting's unit.
        public var used: UInt64
        /// How much may be.
        public var limit: UInt64

        /// For tests of yours; the client makes its own.
        public init(setting: String, applicationID: String? = nil, used: UInt64, limit: UInt64) {
            self.setting = setting
            self.applicationID = applicationID
            self.used = used
            self.limit = limit
        }
    }

    /// How things stand with the provider for one application.
    public struct ApplicationState: Sendable, Hashable {
        /// The application's id.
        public var applicationID: String
        /// Whether the provider is asked about it.
        public var circuitBreaker: CircuitBreaker
        /// The rest of the back-off while the provider throttles, in whole milliseconds; `nil` if it does not.
        public var backOff: Duration?

        /// For tests of yours; the client makes its own.
        public init(applicationID: String, circuitBreaker: CircuitBreaker, backOff: Duration? = nil) {
            self.applicationID = applicationID
            self.circuitBreaker = circuitBreaker
            self.backOff = backOff
        }
    }

    /// Whether the provider is asked.
    public enum CircuitBreaker: Sendable, Hashable, CaseIterable {
        /// It is.
        case closed
        /// A call or two find out whether it is well again.
        case halfOpen
        /// It failed again and again, and is left alone for a while.
        case open
        /// The server said something that this version does not know.
        case unknown
    }
}

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
    public static let cacheStaleHits = Self(rawValue: "cache.stale_hits")
    /// Valid tokens that had to go for others.
    public static let cacheEvictions = Self(rawValue: "cache.evictions")
    /// Refused tokens that had to go for others.
    public static let cacheNegativeEvictions = Self(rawValue: "cache.negative_evictions")
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
    public static let cacheInFlightLookups = Self(rawValue: "cache.in_flight_lookups")
    /// How many tokens of one application can be kept fresh: calls to the provider in a second times the seconds that an answer is good
    /// for.
    public static let cacheCapacity = Self(rawValue: "cache.capacity_tokens")
    /// When the server's own certificate ends, in seconds of Unix time. Only with TLS.
    public static let tlsCertificateExpiry = Self(rawValue: "tls.certificate_expiry_timestamp_seconds")
    /// Requests to the provider under way.
    public static let providerRequestsInFlight = Self(rawValue: "provider.requests_in_flight")
}

extension ServerStatistics {
    /// What has happened since an earlier answer of the same server: its counts are the difference, and its ``uptime`` is the time between.
    /// What is not counted is as it is in this one.
    ///
    /// - Returns: Nil if the earlier one is of another start, or is not earlier.
    public func since(_ earlier: ServerStatistics) -> ServerStatistics? {
        guard startedAt == earlier.startedAt, uptime > earlier.uptime else { return nil }
        var difference = self
        difference.uptime = uptime - earlier.uptime
        difference.calls = Self.difference(calls, earlier.calls)
        difference.counters = Self.difference(counters, earlier.counters)
        difference.providerRequests = Self.difference(providerRequests, earlier.providerRequests)
        difference.providerLatency = providerLatency.since(earlier.providerLatency)
        return difference
    }

    /// Only what has grown.
    private static func difference<Key: Hashable>(_ counts: [Key: UInt64], _ earlier: [Key: UInt64]) -> [Key: UInt64] {
        var difference: [Key: UInt64] = [:]
        for (key, count) in counts {
            let before = earlier[key] ?? 0
            if count > before { difference[key] = count - before }
        }
        return difference
    }
}
