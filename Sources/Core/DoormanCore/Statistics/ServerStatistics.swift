/// The counters, gauges and limits of a server, counted since its start.
///
/// To compute rates, take the difference of two values: see ``since(_:)``. Statistics contain nothing about single tokens, accounts
/// or callers.
public struct ServerStatistics: Sendable, Hashable {
    /// The server's version, for example `0.1.0-dev (revision 1a2b3c4d5e6f)`. Empty for a server that does not tell it.
    public var version = ""
    /// The time at which the server started, by its wall clock. Counts of different starts are not comparable.
    public var startedAt = Timestamp(millisecondsSince1970: 0)
    /// The time since the start by a monotonic clock, in whole milliseconds.
    public var uptime: Duration = .zero
    /// Completed calls by their method, source and result. Contains no entries with a count of zero.
    public var calls: [CallKind: UInt64] = [:]
    /// The latencies of calls from the arrival of their request to their response, by method and source. Calls that the server turned down
    /// are not among them.
    public var latencies: [LatencyKind: LatencyHistogram.Snapshot] = [:]
    /// Other counters, which only increase.
    public var counters: [Name: UInt64] = [:]
    /// Gauges: values that rise and fall.
    public var gauges: [Name: UInt64] = [:]
    /// The server's limits, with their current use.
    public var limits: [LimitState] = []
    /// The state of the provider, for each application.
    public var applications: [ApplicationState] = []
    /// Provider requests by their endpoint and outcome.
    public var providerRequests: [ProviderRequestKind: UInt64] = [:]
    /// The latencies of all provider requests, whatever their outcome.
    public var providerLatency = LatencyHistogram.Snapshot()

    /// Creates statistics without any counts.
    public init() {}

    /// The method, source and result of a call.
    public struct CallKind: Sendable, Hashable {
        /// The method's name, for example `Verify`; empty for a frame without a method: one that is no request, or too long.
        public var method: String
        /// The source of the response: `cache`, `provider` or `server`.
        public var source: String
        /// The name of the status code, for example `OK`.
        public var code: String
        /// The reason of a failure, for example `TOKEN_REJECTED`; empty for a success and for a failure without a reason.
        public var reason: String

        /// Creates a kind of call, for example in a test.
        public init(method: String, source: String, code: String, reason: String = "") {
            self.method = method
            self.source = source
            self.code = code
            self.reason = reason
        }
    }

    /// The method and the source of calls with a latency.
    public struct LatencyKind: Sendable, Hashable {
        /// The method's name, for example `Verify`.
        public var method: String
        /// The source of the response: `cache`, `provider` or `server`.
        public var source: String

        /// Creates a kind of latency, for example in a test.
        public init(method: String, source: String) {
            self.method = method
            self.source = source
        }
    }

    /// The endpoint and the outcome of a provider request.
    public struct ProviderRequestKind: Sendable, Hashable {
        /// The name of the provider in the server's configuration; empty if the server is older than this field.
        public var provider: String
        /// The name of the provider's endpoint, for example `me`.
        public var endpoint: String
        /// The name of the outcome, for example `success`, `token_rejected` or `failed_timed_out`.
        public var outcome: String

        /// Creates a kind of provider request, for example in a test.
        public init(provider: String = "", endpoint: String, outcome: String) {
            self.provider = provider
            self.endpoint = endpoint
            self.outcome = outcome
        }
    }

    /// A limit of the server, with its current use.
    public struct LimitState: Sendable, Hashable {
        /// The name of the setting, for example `server.max-connections`.
        public var setting: String
        /// The name of the provider in the server's configuration; `nil` for a limit of the whole server.
        public var provider: String?
        /// The application's id; `nil` for a limit of the whole server.
        public var applicationID: String?
        /// The current use, in the setting's unit.
        public var used: UInt64
        /// The limit, in the setting's unit.
        public var limit: UInt64

        /// Creates the state of a limit, for example in a test.
        public init(setting: String, provider: String? = nil, applicationID: String? = nil, used: UInt64, limit: UInt64) {
            self.setting = setting
            self.provider = provider
            self.applicationID = applicationID
            self.used = used
            self.limit = limit
        }
    }

    /// The state of a provider for one application.
    public struct ApplicationState: Sendable, Hashable {
        /// The name of the provider in the server's configuration; empty if the server is older than this field.
        public var provider: String
        /// The application's id.
        public var applicationID: String
        /// The state of the application's circuit breaker.
        public var circuitBreaker: CircuitBreaker
        /// The rest of the throttle back-off, in whole milliseconds; `nil` if the provider is not throttling.
        public var backOff: Duration?

        /// Creates the state of an application, for example in a test.
        public init(
            provider: String = "", applicationID: String, circuitBreaker: CircuitBreaker, backOff: Duration? = nil
        ) {
            self.provider = provider
            self.applicationID = applicationID
            self.circuitBreaker = circuitBreaker
            self.backOff = backOff
        }
    }

    /// The state of a circuit breaker, which stops provider requests after repeated failures.
    public enum CircuitBreaker: Sendable, Hashable, CaseIterable {
        /// The server sends provider requests.
        case closed
        /// The server sends a few probes to find out whether the provider has recovered.
        case halfOpen
        /// The provider failed repeatedly. The server sends no provider requests for a while.
        case open
        /// A state that this version of the client does not know.
        case unknown
    }
}

extension ServerStatistics {
    /// The name of a counter or a gauge. A newer server can have names that this version does not know.
    public struct Name: RawRepresentable, Sendable, Hashable {
        /// The name on the wire.
        public var rawValue: String

        /// Creates a name, which can be unknown to this version.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }
    }
}

// Counters.
extension ServerStatistics.Name {
    /// Cache hits: calls that the cache answered.
    public static let cacheHits = Self(rawValue: "cache.hits")
    /// Cache misses: calls without a usable cached entry at first.
    public static let cacheMisses = Self(rawValue: "cache.misses")
    /// Cache misses that joined a lookup in flight for the same token.
    public static let cacheJoined = Self(rawValue: "cache.joined")
    /// Refreshes of cached entries before the end of their TTL.
    public static let cacheRefreshed = Self(rawValue: "cache.refreshed")
    /// Stale hits: calls answered past an entry's TTL, because the provider was unavailable.
    public static let cacheStaleHits = Self(rawValue: "cache.stale_hits")
    /// Evictions of valid tokens from the cache within their TTL.
    public static let cacheEvictions = Self(rawValue: "cache.evictions")
    /// Evictions of rejected tokens from the cache within their TTL.
    public static let cacheNegativeEvictions = Self(rawValue: "cache.negative_evictions")
    /// Rejection storms: times when most tokens that were valid before were rejected, which is taken for an outage of the provider.
    public static let cacheRejectionStorms = Self(rawValue: "cache.rejection_storms")
    /// Revoked tokens that this server denies by itself, because their provider can't revoke them.
    public static let cacheLocalDenials = Self(rawValue: "cache.local_denials")
    /// Connections to the provider that were opened or attempted.
    public static let providerConnectionsOpened = Self(rawValue: "provider.connections_opened")

    /// Reloads of the settings that succeeded.
    public static let reloadsApplied = Self(rawValue: "reloads.applied")
    /// Reloads that failed, so that the previous settings remained active.
    public static let reloadsFailed = Self(rawValue: "reloads.failed")
    /// Log lines that were dropped, because the log was not read fast enough.
    public static let logLinesDropped = Self(rawValue: "log.lines_dropped")

    /// Times when connections could not be accepted, for example without file descriptors.
    public static let connectionsAcceptFailures = Self(rawValue: "connections.accept_failures")

    /// Connections that the server closed for a reason, for example `idle`.
    public static func connectionsClosed(_ reason: String) -> Self {
        Self(rawValue: "connections.closed.\(reason)")
    }
}

// Gauges.
extension ServerStatistics.Name {
    /// Lookups in flight: tokens for which the cache waits for the provider.
    public static let cacheInFlightLookups = Self(rawValue: "cache.in_flight_lookups")
    /// The number of tokens per application that the server can keep fresh: provider requests per second, times the TTL in seconds.
    public static let cacheCapacity = Self(rawValue: "cache.capacity_tokens")
    /// The time at which the first certificate of the server's chain expires, in seconds of Unix time. Present only with TLS.
    public static let tlsCertificateExpiry = Self(rawValue: "tls.certificate_expiry_timestamp_seconds")
    /// The time from which all certificates of the server's chain are valid, in seconds of Unix time. Present only with TLS.
    public static let tlsCertificateNotBefore = Self(rawValue: "tls.certificate_not_before_timestamp_seconds")
    /// The time at which the next authority of callers' certificates expires, in seconds of Unix time. If all have expired, the time of the
    /// last one. Present only if the server requests certificates from callers.
    public static let tlsClientAuthorityExpiry = Self(rawValue: "tls.client_authority_expiry_timestamp_seconds")
    /// 1 if the last reload of the settings succeeded or there was none, 0 if it failed.
    public static let reloadsLastApplied = Self(rawValue: "reloads.last_applied")
    /// Provider requests in flight.
    public static let providerRequestsInFlight = Self(rawValue: "provider.requests_in_flight")
}

extension ServerStatistics {
    /// Returns the difference to earlier statistics of the same server.
    ///
    /// Its counts are those of the time between, and its ``uptime`` is the length of that time. Gauges, limits and states are the
    /// current ones.
    ///
    /// - Returns: The difference; `nil` if `earlier` belongs to another start of the server, or is not earlier.
    public func since(_ earlier: ServerStatistics) -> ServerStatistics? {
        guard startedAt == earlier.startedAt, uptime > earlier.uptime else { return nil }
        var difference = self
        difference.uptime = uptime - earlier.uptime
        difference.calls = Self.difference(calls, earlier.calls)
        difference.latencies = latencies.reduce(into: [:]) { differences, latency in
            let since = latency.value.since(earlier.latencies[latency.key] ?? LatencyHistogram.Snapshot())
            if since.count > 0 { differences[latency.key] = since }
        }
        difference.counters = Self.difference(counters, earlier.counters)
        difference.providerRequests = Self.difference(providerRequests, earlier.providerRequests)
        difference.providerLatency = providerLatency.since(earlier.providerLatency)
        return difference
    }

    /// Returns the counts that have grown, by how much.
    private static func difference<Key: Hashable>(_ counts: [Key: UInt64], _ earlier: [Key: UInt64]) -> [Key: UInt64] {
        var difference: [Key: UInt64] = [:]
        for (key, count) in counts {
            let before = earlier[key] ?? 0
            if count > before { difference[key] = count - before }
        }
        return difference
    }
}
