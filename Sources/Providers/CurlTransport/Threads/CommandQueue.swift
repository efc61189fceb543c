internal import ProviderHTTP

/// What callers leave for the owner thread. Bounded by the ledger: it admits no more than so many exchanges until some are discharged.
final class CommandQueue: Sendable {
    /// What has been left since the last look.
    struct Batch {
        var starting: [PendingRequest] = []
        /// Whether some exchange was ended by its caller, so that its transfer is to be dropped.
        var someWereCancelled = false
        /// Whether nothing more will be left: what there is is to be finished, and that is all.
        var isRetired = false
        var isShuttingDown = false
    }

    private struct State {
        var batch = Batch()
        var hasEnded = false
    }

    private let ledger: RequestSemaphore
    private let waker: Waker
    private let state = Locked(State())

    init(ledger: RequestSemaphore, waker: Waker) {
        self.ledger = ledger
        self.waker = waker
    }

    /// Leaves an exchange to be started.
    ///
    /// - Returns: Why it was not taken, or nil.
    func submit(_ exchange: PendingRequest) -> TransportError.Code? {
        let refusal: TransportError.Code? = state.withLock { state in
            if state.batch.isShuttingDown { return .shutDown }
            if !ledger.admit() { return .queueFull }
            state.batch.starting.append(exchange)
            return nil
        }
        if refusal == nil { waker.wake() }
        return refusal
    }

    /// Says that an exchange was ended by its caller.
    func noteCancellation() {
        state.withLock { $0.batch.someWereCancelled = true }
        waker.wake()
    }

    /// Asks the owner thread to end when it has nothing left to do. Nothing may be submitted after this.
    func retire() {
        state.withLock { $0.batch.isRetired = true }
        waker.wake()
    }

    /// Admits nothing more, and asks the owner thread to end.
    func shutDown() {
        state.withLock { $0.batch.isShuttingDown = true }
        waker.wake()
    }

    /// For the owner thread: what there is to do.
    func take() -> Batch {
        state.withLock { state in
            let batch = state.batch
            state.batch = Batch(isRetired: batch.isRetired, isShuttingDown: batch.isShuttingDown)
            return batch
        }
    }

    /// For the owner thread: one exchange has been dealt with, and makes room.
    func discharge() {
        ledger.discharge()
    }

    /// For the owner thread: it is done.
    func noteEnd() {
        state.withLock { $0.hasEnded = true }
    }

    var hasEnded: Bool { state.withLock { $0.hasEnded } }
}
