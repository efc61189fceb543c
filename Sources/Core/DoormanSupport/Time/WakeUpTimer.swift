internal import NIOConcurrencyHelpers

/// Calls its owner at the earliest moment that it was set to, with one task at most.
///
/// A task for each deadline would leave a sleeping task for each of them, since deadlines outlive the calls that set them. Here an
/// earlier moment ends the task for the later one.
package final class WakeUpTimer<Owner: AnyObject & Sendable>: Sendable {
    private struct State {
        /// The moment of the next call; `nil` if the timer is not set.
        var moment: Instant?
        var task: Task<Void, Never>?
    }

    private let timeSource: TimeSource
    private let action: @Sendable (Owner) -> Void
    private let state = NIOLockedValueBox(State())

    /// - Parameter action: Called with the owner, unless the owner has been released. It can set the timer again.
    package init(timeSource: TimeSource, _ action: @escaping @Sendable (Owner) -> Void) {
        self.timeSource = timeSource
        self.action = action
    }

    deinit {
        state.withLockedValue { $0.task }?.cancel()
    }

    /// Sets the timer to a moment, unless it is set to an earlier one. The owner sets it again when it is called.
    package func set(to moment: Instant, for owner: Owner) {
        let action = action
        state.withLockedValue { state in
            guard moment < state.moment ?? .distantFuture else { return }
            state.task?.cancel()
            state.moment = moment
            state.task = timeSource.spawn { [timeSource, weak self, weak owner] in
                while owner != nil, !Task.isCancelled, timeSource.now() < moment { await timeSource.sleep(moment) }
                guard let self, let owner, !Task.isCancelled else { return }
                self.state.withLockedValue { state in
                    if state.moment == moment { state.moment = nil }
                }
                action(owner)
            }
        }
    }
}
