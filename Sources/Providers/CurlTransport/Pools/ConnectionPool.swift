private import NIOConcurrencyHelpers
internal import ProviderHTTP

/// A pool of connections to providers, which is replaced as a whole for age, after time-outs, or for other authorities.
///
/// Retired connections finish their requests beside the current ones. They are few: a replacement for age happens after minutes,
/// and one for time-outs no sooner than the connect timeout. Retired connections end after the request timeout at the latest.
final class ConnectionPool: Sendable {
    private struct State {
        var current: PooledConnections
        var retired: [PooledConnections] = []
        /// The settings of the next connections.
        var settings: CurlTransport.Settings
        /// Whether the current connections trust other authorities than the settings.
        var hasOldAuthorities = false
        var isShutDown = false
    }

    private let semaphore: RequestSemaphore
    private let state: NIOLockedValueBox<State>

    init(settings: CurlTransport.Settings, semaphore: RequestSemaphore) throws(CurlTransport.SetupError) {
        self.semaphore = semaphore
        state = NIOLockedValueBox(
            State(
                current: try PooledConnections(settings: settings, semaphore: semaphore, dnsOverrides: settings.dnsOverrides),
                settings: settings))
    }

    var authorities: [UInt8]? { state.withLockedValue { $0.settings.authorities } }

    /// Trusts other authorities for all requests that are submitted from now on.
    func replaceAuthorities(_ authorities: [UInt8]?) {
        state.withLockedValue { state in
            state.hasOldAuthorities = state.hasOldAuthorities || state.settings.authorities != authorities
            state.settings.authorities = authorities
        }
    }

    /// Queues a request. Replaces the current connections first if they are due.
    ///
    /// The lock is held during the replacement, so that only one caller does it. That takes a fraction of a millisecond.
    ///
    /// - Returns: The error if the request was not queued; `nil` otherwise.
    func submit(_ request: PendingRequest, now: ContinuousClock.Instant = .now) -> TransportError.Code? {
        let (error, ended) = state.withLockedValue { state -> (TransportError.Code?, [PooledConnections]) in
            var ended: [PooledConnections] = []
            let reason =
                state.hasOldAuthorities ? .authorities : state.current.replacementReason(at: now, state.settings)
            // Without memory or a thread for new connections, the old connections continue.
            if !state.isShutDown, let reason,
                let next = try? PooledConnections(settings: state.settings, semaphore: semaphore, now: now)
            {
                state.hasOldAuthorities = false
                semaphore.noteReplacement(reason)
                state.current.retire()
                // `hasEnded` is read once per element, since it can change meanwhile. The next replacement finds the rest.
                let rest = state.retired.partition(by: \.hasEnded)
                ended = Array(state.retired[rest...])
                state.retired.removeSubrange(rest...)
                state.retired.append(state.current)
                state.current = next
            }
            // Connections that trust an authority that was removed take no request.
            if state.hasOldAuthorities, !state.isShutDown { return (.queueFull, ended) }
            return (state.current.submit(request), ended)
        }
        for connections in ended { connections.join() }
        return error
    }

    /// Tells every curl thread that a caller cancelled its request.
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
