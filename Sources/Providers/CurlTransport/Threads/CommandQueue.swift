internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// A queue of commands from callers to the curl thread, bounded by the permits of the semaphore.
final class CommandQueue: Sendable {
    /// The commands since the last call of ``take()``.
    struct Batch {
        var starting: [PendingRequest] = []
        /// Whether a caller cancelled a request, so that its transfer must be dropped.
        var someWereCancelled = false
        /// Whether no more requests will come, so that the thread ends after its last request.
        var isRetired = false
        var isShuttingDown = false
    }

    private struct State {
        var batch = Batch()
        var hasEnded = false
    }

    private let semaphore: RequestSemaphore
    private let waker: Waker
    private let state = NIOLockedValueBox(State())

    init(semaphore: RequestSemaphore, waker: Waker) {
        self.semaphore = semaphore
        self.waker = waker
    }

    /// Queues a request for the curl thread to start.
    ///
    /// - Returns: The error if the request was not queued; `nil` otherwise.
    func submit(_ request: PendingRequest) -> TransportError.Code? {
        let error: TransportError.Code? = state.withLockedValue { state in
            if state.batch.isShuttingDown { return .shutDown }
            if !semaphore.tryAcquire() { return .queueFull }
            state.batch.starting.append(request)
            return nil
        }
        if error == nil { waker.wake() }
        return error
    }

    /// Tells the curl thread that a caller cancelled its request.
    func noteCancellation() {
        state.withLockedValue { $0.batch.someWereCancelled = true }
        waker.wake()
    }

    /// Asks the curl thread to end after the last request is done. No request may be submitted after this.
    func retire() {
        state.withLockedValue { $0.batch.isRetired = true }
        waker.wake()
    }

    /// Rejects further requests, and asks the curl thread to end.
    func shutDown() {
        state.withLockedValue { $0.batch.isShuttingDown = true }
        waker.wake()
    }

    /// Returns the queued commands, and empties the queue. For the curl thread.
    func take() -> Batch {
        state.withLockedValue { state in
            let batch = state.batch
            state.batch = Batch(isRetired: batch.isRetired, isShuttingDown: batch.isShuttingDown)
            return batch
        }
    }

    /// Returns the permit of a request that is done. For the curl thread.
    func releasePermit() {
        semaphore.release()
    }

    /// Records that the thread has ended. For the curl thread.
    func noteEnd() {
        state.withLockedValue { $0.hasEnded = true }
    }

    var hasEnded: Bool { state.withLockedValue { $0.hasEnded } }
}
