internal import CallerLimits
internal import DoormanCore
package import DoormanSupport
internal import DoormanWire

/// A connection's caller with its permissions and quota. The connection looks it up when it begins and after each policy change.
///
/// Within a turn it counts locally what the turn uses, so that a cache hit costs a few loads and no lock.
package struct CallerContext {
    private let profile: CallerProfile
    /// The calls that the rate limit allowed at the start of the turn, and those that are left. `Int.max` without a rate limit.
    private var callsAtStart = Int.max
    private var callsLeft = Int.max
    /// The number of in-flight permits that this turn has taken.
    private(set) var permitsTaken = 0

    init(_ profile: CallerProfile) {
        self.profile = profile
    }

    package var caller: Caller { profile.caller }
    package var counted: Caller { profile.counted }
    var methods: MethodSet { profile.permissions.methods }
    var limits: CallerQuota.Limits { profile.permissions.limits }
    var defaults: DefaultCallerLimits { profile.defaults }
    var permits: InFlightPermits { profile.permits }
    var generation: Int { profile.rule.generation }
    /// The number of the caller's rule in the policy.
    var rule: Int { profile.rule.number }
    /// The calls of this turn that the permissions and the rate limit allowed.
    var callsTaken: Int { callsAtStart - callsLeft }

    /// Begins a turn: reads how many calls the rate limit allows now.
    package mutating func beginTurn(now: Instant) {
        guard profile.permissions.limits.calls != nil, let quota = permits.caller else { return }
        callsAtStart = quota.availableCalls(at: now)
        callsLeft = callsAtStart
    }

    /// Ends the turn: charges its calls to the caller's rate limit.
    package func endTurn(now: Instant) {
        guard profile.permissions.limits.calls != nil, callsLeft < callsAtStart, let quota = permits.caller else { return }
        quota.charge(callsTaken, at: now)
    }

    /// Counts a call against the rate limit.
    ///
    /// - Returns: Whether the rate limit allows the call.
    package mutating func takeCall() -> Bool {
        guard callsLeft > 0 else { return false }
        callsLeft -= 1
        return true
    }

    /// Takes an in-flight permit for a call.
    ///
    /// - Returns: `nil` if a permit was available, otherwise the exceeded limit.
    mutating func takePermit(at now: Instant) -> LimitExceeded? {
        if let exceeded = permits.takePermit(at: now) { return exceeded }
        permitsTaken += 1
        return nil
    }

    /// Releases a permit of this turn.
    mutating func releasePermit() {
        permits.releasePermits(1)
        permitsTaken -= 1
    }

    /// The limit on the caller's connections and its setting, for messages.
    var connectionLimit: String {
        limits.connections.map { "\($0) (connections in authorization.policy-file)" }
            ?? "\(defaults.connections ?? 0) (authorization.connections)"
    }

    /// Returns the time until the rate limit allows the next call.
    func waitForNextCall(now: Instant) -> Duration {
        permits.caller?.waitForNextCall(after: callsTaken, at: now) ?? .zero
    }
}

/// An exceeded limit of the policy or of the server, with the time after which a retry can succeed.
struct LimitExceeded {
    let failure: Failure
    let retryAfter: Duration
    /// Who exceeded the limit.
    private let subject: RateLimitExceeded.Subject

    init(_ failure: Failure, retryAfter: Duration) {
        self.failure = failure
        self.retryAfter = retryAfter
        subject = .caller
    }

    /// Creates the exceeded limit of cache misses.
    init(cacheMisses limit: RateLimitExceeded) {
        failure = .tooManyMisses
        retryAfter = limit.retryAfter
        subject = limit.subject
    }

    /// The cause in the counts of the caller's rule; `nil` for a limit of the server.
    var cause: RuleCounters.Cause? {
        switch failure {
        case .tooManyCallsPerSecond: .rate
        case .tooManyCallsOfCaller: .concurrency
        case .tooManyMisses: .misses
        default: nil
        }
    }

    /// Returns the failure response. Its message names the caller and the setting to change.
    func response(to caller: borrowing CallerContext, setting: String) -> FailureResponse {
        FailureResponse(failure, message(caller, setting), retryAfter: retryAfter)
    }

    /// The name of the setting behind the limit, for messages and the log.
    ///
    /// - Parameter policy: The setting or file that holds the policy.
    func setting(of context: borrowing CallerContext, policy: String) -> String {
        switch failure {
        case .tooManyCallsPerSecond: "calls-per-second in \(policy)"
        case .tooManyCallsOfCaller:
            context.limits.callsInFlight == nil ? "authorization.calls-in-flight" : "calls-in-flight in \(policy)"
        case .tooManyMisses where subject == .network: "authorization.network-misses-per-second"
        case .tooManyMisses:
            context.limits.misses == nil ? "authorization.misses-per-second" : "misses-per-second in \(policy)"
        default: "server.max-waiting-calls"
        }
    }

    /// The event for the log.
    func event(of context: borrowing CallerContext, policy: String) -> CallerEvent {
        // The server's own limit is not the fault of the caller that meets it.
        let isOfCaller = failure != .tooManyCallsAtServer
        return CallerEvent(
            caller: isOfCaller ? context.counted.name : nil, kind: .limitExceeded(setting(of: context, policy: policy)))
    }

    private func message(_ context: borrowing CallerContext, _ policy: String) -> String {
        let caller = "caller \(context.caller)"
        let setting = setting(of: context, policy: policy)
        switch failure {
        case .tooManyCallsPerSecond:
            return "\(caller) exceeded its rate limit (\(setting))"
        case .tooManyCallsOfCaller:
            let limit = context.limits.callsInFlight ?? context.defaults.callsInFlight ?? 0
            return "\(caller) reached its limit of \(limit) calls in flight (\(setting))"
        case .tooManyMisses:
            let subject = subject == .network ? "the network of \(caller)" : caller
            return "\(subject) exceeded its rate limit for cache misses (\(setting))"
        default:
            return "the server reached its limit of \(context.permits.server.maximum) calls in flight (\(setting))"
        }
    }
}

/// What the server knows about a caller. An object, because every turn of a connection copies its ``CallerContext``.
final class CallerProfile: Sendable {
    let caller: Caller
    /// The caller that the limits count: see ``Caller/counted(ipv6PrefixLength:)``.
    let counted: Caller
    /// The permissions of the caller's rule in the policy.
    let permissions: CallerPermissions
    /// The limits of callers whose rule has none.
    let defaults: DefaultCallerLimits
    let permits: InFlightPermits
    let rule: Rule

    /// The rule of the policy that the permissions come from.
    struct Rule: Sendable, Hashable {
        /// The number of the rule; see ``CallerPolicy/rule(for:)``.
        let number: Int
        /// The generation of the policy.
        let generation: Int
    }

    init(
        caller: Caller, counted: Caller, permissions: CallerPermissions, defaults: DefaultCallerLimits,
        permits: InFlightPermits, rule: Rule
    ) {
        self.caller = caller
        self.counted = counted
        self.permissions = permissions
        self.defaults = defaults
        self.permits = permits
        self.rule = rule
    }
}

/// The limits of callers whose rule in the policy has none.
struct DefaultCallerLimits: Sendable, Hashable {
    /// `nil` for no limit but the server's.
    let connections: Int?
    let callsInFlight: Int?

    init(_ settings: ServerSettings) {
        connections = Self.part(settings.connectionsPerCaller, of: settings.maximumConnections)
        callsInFlight = Self.part(settings.callsInFlightPerCaller, of: settings.maximumWaitingCalls)
    }

    private static func part(_ fraction: Double, of total: Int) -> Int? {
        fraction < 1 ? max(1, Int(Double(total) * fraction)) : nil
    }

    /// Returns the limits of a rule, completed with these.
    func completing(_ limits: CallerQuota.Limits) -> CallerQuota.Limits {
        var limits = limits
        limits.connections = limits.connections ?? connections
        limits.callsInFlight = limits.callsInFlight ?? callsInFlight
        return limits
    }
}
