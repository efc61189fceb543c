internal import DoormanCore
internal import DoormanWire

/// A limit of the policy, or of the server, that a call is over, and when it is worth calling again.
struct OverLimit {
    let failure: Failure
    let retryAfter: Duration

    init(_ failure: Failure, retryAfter: Duration) {
        self.failure = failure
        self.retryAfter = retryAfter
    }

    /// Names the caller as it is named here, and the setting to change.
    func answer(to pass: borrowing CallerPass, setting: String) -> FailureAnswer {
        FailureAnswer(failure, message(pass, setting), retryAfter: retryAfter)
    }

    private func message(_ pass: borrowing CallerPass, _ setting: String) -> String {
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
