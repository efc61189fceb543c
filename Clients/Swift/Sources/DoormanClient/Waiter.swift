internal import NIOConcurrencyHelpers

/// The task that waits for a call's outcome. Whatever comes first ends its wait, from whatever thread: the answer, the deadline, or
/// the task's own cancellation; what comes later finds nobody.
struct Waiter: Sendable {
    typealias Outcome = Result<Answer, DoormanError>

    /// A task whose call has ended, to be woken once.
    @safe struct Sleeper: Sendable {
        // Unchecked: each is given out once, and looking after that costs a call as much as reading its answer.
        fileprivate let continuation: UnsafeContinuation<Void, Never>

        func wake() { unsafe continuation.resume() }
    }

    private enum Phase {
        /// The task has not yet suspended.
        case early
        case waiting(Sleeper)
        case ended(Outcome)
        /// The task has its outcome.
        case over
    }

    private let phase = NIOLockedValueBox(Phase.early)

    /// Whether the task still waits, or is about to.
    var isLive: Bool {
        phase.withLockedValue { phase in
            switch phase {
            case .early, .waiting: true
            case .ended, .over: false
            }
        }
    }

    /// Returns once there is an outcome.
    ///
    /// - Parameter begin: Is called when the call is to be made: not if the task was cancelled before.
    @inline(__always)
    func wait(_ begin: () -> Void) async {
        await unsafe withUnsafeContinuation { continuation in
            let sleeper = unsafe Sleeper(continuation: continuation)
            let isEarly = phase.withLockedValue { phase in
                guard case .early = phase else { return false }
                phase = .waiting(sleeper)
                return true
            }
            if isEarly { begin() } else { sleeper.wake() }
        }
    }

    /// Takes the outcome, after ``wait(_:)``.
    func takeOutcome() -> Outcome {
        phase.withLockedValue { phase in
            guard case .ended(let outcome) = phase else { preconditionFailure("a task was woken without its outcome") }
            phase = .over
            return outcome
        }
    }

    /// Ends the wait.
    ///
    /// - Returns: The task that is now to be woken; nil if its wait had ended before.
    func settle(_ outcome: Outcome) -> Sleeper? {
        phase.withLockedValue { phase in
            guard case .waiting(let sleeper) = phase else { return nil }
            phase = .ended(outcome)
            return sleeper
        }
    }

    /// The task was cancelled.
    ///
    /// - Returns: Whether a call that was made lost its waiter by this.
    func cancel() -> Bool {
        let sleeper = phase.withLockedValue { phase -> Sleeper? in
            switch phase {
            case .early:
                phase = .ended(.failure(.cancelled))
                return nil
            case .waiting(let sleeper):
                phase = .ended(.failure(.cancelled))
                return sleeper
            case .ended, .over: return nil
            }
        }
        sleeper?.wake()
        return sleeper != nil
    }
}
