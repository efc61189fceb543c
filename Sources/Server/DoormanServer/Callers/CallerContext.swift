internal import CallerLimits
internal import DoormanCore
package import DoormanSupport
internal import DoormanWire

/// What a connection may do: its caller, and what the policy grants that one. Looked up when the connection begins, and again when
/// the policy has changed; within a read it counts what the read takes, so that a hit costs a few loads and no lock.
package struct CallerContext {
    package let caller: Caller
    let methods: MethodSet
    /// The caller's own rate of misses; nil for everybody's.
    let misses: RateLimit?
    let limits: CallerLimits
    let places: InFlightPermits
    /// Of which policy it is.
    let generation: Int
    /// How many calls were there when the read began, and how many are left.
    private var callsAtFirst = Int.max
    private var callsLeft = Int.max
    /// Places among the calls that wait that this read has taken.
    private(set) var placesTaken = 0

    init(caller: Caller, grant: CallerPermissions, places: InFlightPermits, generation: Int) {
        self.caller = caller
        self.methods = grant.methods
        self.misses = grant.limits.misses
        self.limits = grant.limits
        self.places = places
        self.generation = generation
    }

    /// Looks at how many calls the caller has left.
    mutating func beginRead(now: Instant) {
        guard limits.calls != nil, let share = places.caller else { return }
        callsAtFirst = share.availableCalls(at: now)
        callsLeft = callsAtFirst
    }

    /// Charges the caller with the calls of the read.
    func endRead(now: Instant) {
        guard limits.calls != nil, callsLeft < callsAtFirst, let share = places.caller else { return }
        share.charge(callsAtFirst - callsLeft, at: now)
    }

    /// Counts a call.
    ///
    /// - Returns: Whether the caller had one left.
    mutating func takeCall() -> Bool {
        guard callsLeft > 0 else { return false }
        callsLeft -= 1
        return true
    }

    /// Takes a place among the calls that wait.
    ///
    /// - Returns: Nil if there was one, else which limit is reached.
    mutating func takePlace() -> Failure? {
        if let failure = places.take() { return failure }
        placesTaken += 1
        return nil
    }

    mutating func giveBackPlace() {
        places.giveBack(1)
        placesTaken -= 1
    }

    /// How long until the caller has a call again.
    func waitForNextCall(now: Instant) -> Duration {
        places.caller?.waitForNextCall(after: callsAtFirst - callsLeft, at: now) ?? .zero
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
    func answer(to pass: borrowing CallerContext, setting: String) -> FailureAnswer {
        FailureAnswer(failure, message(pass, setting), retryAfter: retryAfter)
    }

    private func message(_ pass: borrowing CallerContext, _ setting: String) -> String {
        let caller = "\(pass.caller), as you are named here,"
        switch failure {
        case .tooManyCallsPerSecond:
            return "\(caller) has used up its calls (calls-per-second in \(setting))"
        case .tooManyCallsOfCaller:
            return "\(caller) has \(pass.limits.callsInFlight ?? 0) calls waiting (calls-in-flight in \(setting))"
        case .tooManyMisses:
            let own = pass.misses == nil ? "caller.misses-per-second" : "misses-per-second in \(setting)"
            return "\(caller) has used up its calls that memory can't answer (\(own))"
        default:
            return "\(pass.places.server.maximum) calls wait at this server, of all callers (server.max-waiting-calls)"
        }
    }
}
