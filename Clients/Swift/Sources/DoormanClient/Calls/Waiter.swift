internal import NIOConcurrencyHelpers

/// The task that waits for a call's outcome. Whatever comes first ends its wait, from whatever thread: the answer, the deadline, or
/// the task's own cancellation; what comes later finds nobody.
struct Waiter: Sendable {
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
        case ended
        case cancelled
    }

    private let phase = NIOLockedValueBox(Phase.early)

    /// Whether the task still waits, or is about to.
    var isLive: Bool {
        phase.withLockedValue { phase in
            switch phase {
            case .early, .waiting: true
            case .ended, .cancelled: false
            }
        }
    }

    /// Whether the wait ended because the task was cancelled.
    var wasCancelled: Bool {
        phase.withLockedValue { phase in
            if case .cancelled = phase { true } else { false }
        }
    }

    /// Returns once the wait has ended.
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

    /// Ends the wait.
    ///
    /// - Parameter keep: Puts down what the task will find; called unless its wait had ended before.
    /// - Returns: The task that is now to be woken; nil if its wait had ended before.
    @inline(__always)
    func end(_ keep: () -> Void) -> Sleeper? {
        phase.withLockedValue { phase in
            guard case .waiting(let sleeper) = phase else { return nil }
            keep()
            phase = .ended
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
                phase = .cancelled
                return nil
            case .waiting(let sleeper):
                phase = .cancelled
                return sleeper
            case .ended, .cancelled: return nil
            }
        }
        sleeper?.wake()
        return sleeper != nil
    }
}
