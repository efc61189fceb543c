internal import DoormanCore
internal import NIOConcurrencyHelpers
internal import NIOCore

/// The calls and cancellations for the client's event loop. One turn of the loop takes all entries.
struct SubmissionQueue: Sendable {
    private struct State {
        var calls: [ClientCall] = []
        /// Identities that the near cache held, and the completions that get them.
        var nearCacheHits: [(identity: Identity, completion: ClientCall.Completion)] = []
        /// The number of calls and near cache hits that end with a completion.
        var completionCount = 0
        /// Calls that lost their waiters to a cancellation.
        var cancelled: [ClientCall] = []
        var isScheduled = false
    }

    private let state = NIOLockedValueBox(State())
    private let eventLoop: any EventLoop
    private let dispatcher: NIOLoopBoundBox<Dispatcher>
    private let maximumCompletions: Int

    /// - Parameter maximumCompletions: The maximum number of calls with completions in the queue. No task waits for such a call, so
    ///   nothing else stops their callers from filling it.
    init(eventLoop: any EventLoop, dispatcher: NIOLoopBoundBox<Dispatcher>, maximumCompletions: Int) {
        self.eventLoop = eventLoop
        self.dispatcher = dispatcher
        self.maximumCompletions = maximumCompletions
    }

    /// Adds the call of a task, which waits for it.
    @inline(__always)
    func add(_ call: ClientCall) {
        change { $0.calls.append(call) }
    }

    /// Adds a call that ends with a completion.
    func addBounded(_ call: ClientCall) throws(DoormanError) {
        try changeIfNotFull { $0.calls.append(call) }
    }

    /// Adds an identity that the near cache held.
    func addBounded(_ identity: Identity, for completion: @escaping ClientCall.Completion) throws(DoormanError) {
        try changeIfNotFull { $0.nearCacheHits.append((identity, completion)) }
    }

    /// Tells the dispatcher that the task of a call was cancelled.
    func cancel(_ call: ClientCall) {
        change { $0.cancelled.append(call) }
    }

    private func changeIfNotFull(_ body: (inout State) -> Void) throws(DoormanError) {
        var isFull = false
        change { state in
            isFull = state.completionCount >= maximumCompletions
            guard !isFull else { return }
            state.completionCount += 1
            body(&state)
        }
        if isFull { throw .tooManyWaiting(limit: maximumCompletions) }
    }

    private func change(_ body: (inout State) -> Void) {
        let isScheduled = state.withLockedValue { state in
            body(&state)
            defer { state.isScheduled = true }
            return state.isScheduled
        }
        if isScheduled { return }
        eventLoop.execute { [dispatcher, state] in
            let taken = state.withLockedValue { state in
                defer { state = State() }
                return state
            }
            if !taken.calls.isEmpty { dispatcher.value.submit(taken.calls) }
            for call in taken.cancelled { dispatcher.value.waiterCancelled(call) }
            for (identity, completion) in taken.nearCacheHits { completion(.success(identity)) }
        }
    }
}
