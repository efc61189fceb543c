internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// The commands that callers leave for the curl thread. The semaphore bounds it: it holds as many requests as there are permits.
final class CommandQueue: Sendable {
    /// The commands since the last look.
    struct Batch {
        var starting: [PendingRequest] = []
        /// Whether a caller ended its request, so that the transfer is to be dropped.
        var someWereCancelled = false
        /// Whether no more requests will come: the thread finishes those that it has, and ends.
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

    /// Queues a request to be started.
    ///
    /// - Returns: Why it was not queued; `nil` if it was.
    func submit(_ request: PendingRequest) -> TransportError.Code? {
        let refusal: TransportError.Code? = state.withLockedValue { state in
            if state.batch.isShuttingDown { return .shutDown }
            if !semaphore.tryAcquire() { return .queueFull }
            state.batch.starting.append(request)
            return nil
        }
        if refusal == nil { waker.wake() }
        return refusal
    }

    /// Tells the curl thread that a caller ended its request.
    func noteCancellation() {
        state.withLockedValue { $0.batch.someWereCancelled = true }
        waker.wake()
    }

    /// Asks the curl thread to end once all requests are done. No request may be submitted after this.
    func retire() {
        state.withLockedValue { $0.batch.isRetired = true }
        waker.wake()
    }

    /// Admits no more requests, and asks the curl thread to end.
    func shutDown() {
        state.withLockedValue { $0.batch.isShuttingDown = true }
        waker.wake()
    }

    /// Takes the commands. For the curl thread.
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

    /// Notes that the thread is done. For the curl thread.
    func noteEnd() {
        state.withLockedValue { $0.hasEnded = true }
    }

    var hasEnded: Bool { state.withLockedValue { $0.hasEnded } }
}
