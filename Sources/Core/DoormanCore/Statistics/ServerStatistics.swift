/// What a server has counted since it started, and how full it is at the moment. Numbers, and names of the server's own: nothing of any
/// token, account or caller.
///
/// Rates come from two of these: see ``since(_:)``.
public struct ServerStatistics: Sendable, Hashable {
    /// When the server started, by its civil clock. Counts of another start say nothing of this one's.
    public var startedAt = Timestamp(millisecondsSince1970: 0)
    /// For how long it has run, by a clock that nobody sets. In whole milliseconds.
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
    public var providerCalls: [ProviderCallKind: UInt64] = [:]
    /// How long the provider took to answer, whatever it said.
    public var providerLatency = LatencyCounts()

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
    public struct ProviderCallKind: Sendable, Hashable {
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
        public var breaker: Breaker
        /// For how long nobody asks any more because the provider throttles, in whole milliseconds; nil if it does not.
        public var backOff: Duration?

        /// For tests of yours; the client makes its own.
        public init(applicationID: String, breaker: Breaker, backOff: Duration? = nil) {
            self.applicationID = applicationID
            self.breaker = breaker
            self.backOff = backOff
        }
    }

    /// Whether the provider is asked.
    public enum Breaker: Sendable, Hashable, CaseIterable {
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
