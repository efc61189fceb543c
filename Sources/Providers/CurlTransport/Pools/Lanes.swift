internal import ProviderHTTP

/// The lane that takes requests, and those before it that are finishing theirs.
///
/// There are few of the latter: a lane is replaced for its age, minutes after its beginning, or for time-outs, no sooner than the time
/// for connecting; and it ends with its last request, after the time for a whole request at most.
final class Lanes: Sendable {
    private struct State {
        var current: Lane
        var retired: [Lane] = []
        var isShutDown = false
    }

    private let settings: CurlTransport.Settings
    private let ledger: TransferLedger
    private let state: Locked<State>

    init(settings: CurlTransport.Settings, ledger: TransferLedger) throws(CurlTransport.SetupError) {
        self.settings = settings
        self.ledger = ledger
        state = Locked(
            State(current: try Lane(settings: settings, ledger: ledger, firstAddresses: settings.firstAddresses)))
    }

    /// Leaves an exchange to be carried out, on new connections if those that there are have served long enough.
    ///
    /// The lock is held while a new lane is made, which takes a fraction of a millisecond: two callers must not make one each.
    ///
    /// - Returns: Why it was not taken, or nil.
    func submit(_ exchange: Exchange, now: ContinuousClock.Instant = .now) -> TransportError.Code? {
        let (refusal, ended) = state.withLock { state -> (TransportError.Code?, [Lane]) in
            var ended: [Lane] = []
            // If there is no memory or thread for another, the old one goes on.
            if !state.isShutDown, let reason = state.current.wornOut(at: now, settings),
                let next = try? Lane(settings: settings, ledger: ledger, now: now)
            {
                ledger.noteReplacement(reason)
                state.current.retire()
                // Looked at once for each: one that ends meanwhile is found the next time.
                let rest = state.retired.partition(by: \.hasEnded)
                ended = Array(state.retired[rest...])
                state.retired.removeSubrange(rest...)
                state.retired.append(state.current)
                state.current = next
            }
            return (state.current.submit(exchange), ended)
        }
        for lane in ended { lane.join() }
        return refusal
    }

    /// Says that an exchange was ended by its caller.
    func noteCancellation() {
        for lane in state.withLock({ [$0.current] + $0.retired }) { lane.noteCancellation() }
    }

    /// Ends all lanes, and waits until they have ended.
    func shutDown() {
        let lanes = state.withLock { state in
            state.isShutDown = true
            return [state.current] + state.retired
        }
        for lane in lanes { lane.shutDown() }
        for lane in lanes { lane.join() }
    }
}
