private import NIOConcurrencyHelpers
internal import ProviderHTTP

/// The pooled connections that take requests, and earlier ones that are finishing theirs.
///
/// There are few earlier ones. Connections are replaced for their age after minutes, or for time-outs no sooner than the connect timeout.
/// They end with their last request, after the request timeout at most.
final class ConnectionPool: Sendable {
    private struct State {
        var current: PooledConnections
        var retired: [PooledConnections] = []
        var isShutDown = false
    }

    private let settings: CurlTransport.Settings
    private let semaphore: RequestSemaphore
    private let state: NIOLockedValueBox<State>

    init(settings: CurlTransport.Settings, semaphore: RequestSemaphore) throws(CurlTransport.SetupError) {
        self.settings = settings
        self.semaphore = semaphore
        state = NIOLockedValueBox(
            State(current: try PooledConnections(settings: settings, semaphore: semaphore, dnsOverrides: settings.dnsOverrides)))
    }

    /// Queues a request, on new connections if the present ones have served long enough.
    ///
    /// The lock is held while new connections are set up, which takes a fraction of a millisecond: two callers must not both do it.
    ///
    /// - Returns: Why it was not queued; `nil` if it was.
    func submit(_ request: PendingRequest, now: ContinuousClock.Instant = .now) -> TransportError.Code? {
        let (refusal, ended) = state.withLockedValue { state -> (TransportError.Code?, [PooledConnections]) in
            var ended: [PooledConnections] = []
            // Without memory or a thread for new connections, the old ones go on.
            if !state.isShutDown, let reason = state.current.replacementReason(at: now, settings),
                let next = try? PooledConnections(settings: settings, semaphore: semaphore, now: now)
            {
                semaphore.noteReplacement(reason)
                state.current.retire()
                // `hasEnded` is read once for each: connections that end meanwhile are found the next time.
                let rest = state.retired.partition(by: \.hasEnded)
                ended = Array(state.retired[rest...])
                state.retired.removeSubrange(rest...)
                state.retired.append(state.current)
                state.current = next
            }
            return (state.current.submit(request), ended)
        }
        for connections in ended { connections.join() }
        return refusal
    }

    /// Tells every curl thread that a caller ended its request.
    func noteCancellation() {
        for connections in state.withLockedValue({ [$0.current] + $0.retired }) { connections.noteCancellation() }
    }

    /// Ends all connections and their threads, and waits for the threads.
    func shutDown() {
        let all = state.withLockedValue { state in
            state.isShutDown = true
            return [state.current] + state.retired
        }
        for connections in all { connections.shutDown() }
        for connections in all { connections.join() }
    }
}
