internal import CallerLimits
internal import DoormanCore
package import DoormanSupport
internal import DoormanWire

/// A connection's caller and what the policy permits it. Looked up when the connection begins, and again when the policy has changed.
/// Within a read it counts what the read takes, so that a hit costs a few loads and no lock.
package struct CallerContext {
    package let caller: Caller
    let methods: MethodSet
    /// The caller's own limit on cache misses; `nil` for that of every caller.
    let misses: RateLimit?
    let limits: CallerQuota.Limits
    let permits: InFlightPermits
    /// The number of the policy that it was looked up in.
    let generation: Int
    /// How many calls were there when the read began, and how many are left.
    private var callsAtFirst = Int.max
    private var callsLeft = Int.max
    /// In-flight permits that this read has taken.
    private(set) var permitsTaken = 0

    init(caller: Caller, permissions: CallerPermissions, permits: InFlightPermits, generation: Int) {
        self.caller = caller
        self.methods = permissions.methods
        self.misses = permissions.limits.misses
        self.limits = permissions.limits
        self.permits = permits
        self.generation = generation
    }

    /// Looks at how many calls the caller has left.
    mutating func beginRead(now: Instant) {
        guard limits.calls != nil, let quota = permits.caller else { return }
        callsAtFirst = quota.availableCalls(at: now)
        callsLeft = callsAtFirst
    }

    /// Charges the caller with the calls of the read.
    func endRead(now: Instant) {
        guard limits.calls != nil, callsLeft < callsAtFirst, let quota = permits.caller else { return }
        quota.charge(callsAtFirst - callsLeft, at: now)
    }

    /// Counts a call.
    ///
    /// - Returns: Whether the caller had one left.
    mutating func takeCall() -> Bool {
        guard callsLeft > 0 else { return false }
        callsLeft -= 1
        return true
    }

    /// Takes an in-flight permit for a call.
    ///
    /// - Returns: `nil` if there was one, otherwise the limit that is reached.
    mutating func takePermit() -> Failure? {
        if let failure = permits.take() { return failure }
        permitsTaken += 1
        return nil
    }

    mutating func returnPermit() {
        permits.giveBack(1)
        permitsTaken -= 1
    }

    /// How long until the caller has a call again.
    func waitForNextCall(now: Instant) -> Duration {
        permits.caller?.waitForNextCall(after: callsAtFirst - callsLeft, at: now) ?? .zero
    }
}

/// A limit of the policy, or of the server, that a call is over, and when it is worth calling again.
struct LimitExceeded {
    let failure: Failure
    let retryAfter: Duration

    init(_ failure: Failure, retryAfter: Duration) {
        self.failure = failure
        self.retryAfter = retryAfter
    }

    /// Names the caller as it is named here, and the setting to change.
    func answer(to caller: borrowing CallerContext, setting: String) -> FailureResponse {
        FailureResponse(failure, message(caller, setting), retryAfter: retryAfter)
    }

    private func message(_ context: borrowing CallerContext, _ setting: String) -> String {
        let caller = "\(context.caller), as you are named here,"
        switch failure {
        case .tooManyCallsPerSecond:
            return "\(caller) has used up its calls (calls-per-second in \(setting))"
        case .tooManyCallsOfCaller:
            return "\(caller) has \(context.limits.callsInFlight ?? 0) calls waiting (calls-in-flight in \(setting))"
        case .tooManyMisses:
            let own = context.misses == nil ? "authorization.misses-per-second" : "misses-per-second in \(setting)"
            return "\(caller) has used up its calls that memory can't answer (\(own))"
        default:
            return "\(context.permits.server.maximum) calls wait at this server, of all callers (server.max-waiting-calls)"
        }
    }
}
