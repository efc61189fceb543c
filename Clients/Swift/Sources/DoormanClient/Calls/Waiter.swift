internal import NIOConcurrencyHelpers

/// The task that waits for a call's outcome. The first event ends the wait: the response, the deadline, or the task's cancellation. Events
/// come from any thread; later ones have no effect.
struct Waiter: Sendable {
    /// A continuation that is resumed once.
    @safe struct Continuation: Sendable {
        // Unchecked: `end` and `cancel` give out each once, and a checked continuation costs as much as reading the response.
        fileprivate let continuation: UnsafeContinuation<Void, Never>

        func resume() { unsafe continuation.resume() }
    }

    private enum Phase {
        /// The task has not yet suspended.
        case early
        case waiting(Continuation)
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

    /// Returns when the wait has ended.
    ///
    /// - Parameter begin: Makes the call. It is not called if the task was cancelled before.
    @inline(__always)
    func wait(_ begin: () -> Void) async {
        await unsafe withUnsafeContinuation { continuation in
            let continuation = unsafe Continuation(continuation: continuation)
            let isEarly = phase.withLockedValue { phase in
                guard case .early = phase else { return false }
                phase = .waiting(continuation)
                return true
            }
            if isEarly { begin() } else { continuation.resume() }
        }
    }

    /// Ends the wait.
    ///
    /// - Parameter keep: Stores the outcome for the task. It is not called if the wait had ended before.
    /// - Returns: The continuation to resume; `nil` if the wait had ended before.
    @inline(__always)
    func end(_ keep: () -> Void) -> Continuation? {
        phase.withLockedValue { phase in
            guard case .waiting(let continuation) = phase else { return nil }
            keep()
            phase = .ended
            return continuation
        }
    }

    /// Ends the wait because the task was cancelled.
    ///
    /// - Returns: Whether the call had been made, or is being made.
    func cancel() -> Bool {
        let continuation = phase.withLockedValue { phase -> Continuation? in
            switch phase {
            case .early:
                phase = .cancelled
                return nil
            case .waiting(let continuation):
                phase = .cancelled
                return continuation
            case .ended, .cancelled: return nil
            }
        }
        continuation?.resume()
        return continuation != nil
    }
}
