internal import ProviderHTTP

/// The lane that takes requests, and those before it that are finishing theirs.
///
/// There are few of the latter: a lane is replaced for its age, minutes after its beginning, or for time-outs, no sooner than the time
/// for connecting; and it ends with its last request, after the time for a whole request at most.
final class ConnectionPool: Sendable {
    private struct State {
        var current: PooledConnections
        var retired: [PooledConnections] = []
        var isShutDown = false
    }

    private let settings: CurlTransport.Settings
    private let ledger: RequestSemaphore
    private let state: Locked<State>

    init(settings: CurlTransport.Settings, ledger: RequestSemaphore) throws(CurlTransport.SetupError) {
        self.settings = settings
        self.ledger = ledger
        state = Locked(
            State(current: try PooledConnections(settings: settings, ledger: ledger, firstAddresses: settings.firstAddresses)))
    }

    /// Leaves an exchange to be carried out, on new connections if those that there are have served long enough.
    ///
    /// The lock is held while a new lane is made, which takes a fraction of a millisecond: two callers must not make one each.
    ///
    /// - Returns: Why it was not taken, or nil.
    func submit(_ exchange: PendingRequest, now: ContinuousClock.Instant = .now) -> TransportError.Code? {
        let (refusal, ended) = state.withLock { state -> (TransportError.Code?, [PooledConnections]) in
            var ended: [PooledConnections] = []
            // If there is no memory or thread for another, the old one goes on.
            if !state.isShutDown, let reason = state.current.wornOut(at: now, settings),
                let next = try? PooledConnections(settings: settings, ledger: ledger, now: now)
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

/// A set of connections with the thread that owns them. It takes requests until it is worn out; then another takes its place, while
/// this one finishes what it has and ends.
final class PooledConnections: Sendable {
    private let mailbox: CommandQueue
    private let wear: Locked<PoolReplacementPolicy>
    private let thread: CurlThread

    /// - Parameter firstAddresses: See ``CurlTransport/Settings/firstAddresses``.
    /// - Throws: ``CurlTransport/SetupError/unavailable`` if libcurl or the system gives no more.
    init(
        settings: CurlTransport.Settings, ledger: RequestSemaphore, firstAddresses: [String] = [],
        now: ContinuousClock.Instant = .now
    ) throws(CurlTransport.SetupError) {
        let multi = try MultiHandle(
            maximumConnections: settings.maximumConnections, maximumStreams: settings.maximumRequests)
        mailbox = CommandQueue(ledger: ledger, waker: multi.waker)
        wear = Locked(PoolReplacementPolicy(start: now))
        thread = try CurlThread(
            running: TransferLoop(
                settings: settings, multi: multi, mailbox: mailbox, ledger: ledger, wear: wear, firstAddresses: firstAddresses))
    }

    /// Whether the thread is done, or about to be.
    var hasEnded: Bool { mailbox.hasEnded }

    func wornOut(at now: ContinuousClock.Instant, _ settings: CurlTransport.Settings) -> PoolReplacementPolicy.Reason? {
        wear.withLock { $0.reason(at: now, settings) }
    }

    /// Leaves an exchange to be carried out.
    ///
    /// - Returns: Why it was not taken, or nil.
    func submit(_ exchange: PendingRequest) -> TransportError.Code? {
        mailbox.submit(exchange)
    }

    /// Says that an exchange, perhaps of this lane, was ended by its caller.
    func noteCancellation() {
        mailbox.noteCancellation()
    }

    /// Has the thread end once everything is done that was submitted. Nothing may be submitted any more.
    func retire() {
        mailbox.retire()
    }

    /// Has the thread fail what is under way, and end.
    func shutDown() {
        mailbox.shutDown()
    }

    /// Waits for the thread's end.
    func join() {
        thread.join()
    }
}

/// When the connections of a lane have served long enough: a pure decision.
///
/// libcurl replaces none that is in use. Its own limit of a connection's life (`CURLOPT_MAXLIFETIME_CONN(3)`) is looked at only where
/// a connection lies idle, which one shared over HTTP/2 never does under load; and a request that times out on a shared connection
/// leaves it in place for all that follow, though its server may be stopped behind a kernel that goes on acknowledging.
struct PoolReplacementPolicy: Sendable {
    enum Reason: Sendable, Hashable {
        /// The names may stand for other addresses by now.
        case age
        /// Requests time out, and none is answered.
        case timeouts
    }

    private let start: ContinuousClock.Instant
    private var timeoutsInARow = 0

    init(start: ContinuousClock.Instant) {
        self.start = start
    }

    mutating func noteAnswer() {
        timeoutsInARow = 0
    }

    mutating func noteTimeout() {
        timeoutsInARow += 1
    }

    /// Why the connections are to be replaced, if they are.
    ///
    /// For time-outs not before the time for connecting has passed, so that callers without patience can't have connections made one
    /// after another.
    func reason(at now: ContinuousClock.Instant, _ settings: CurlTransport.Settings) -> Reason? {
        let age = start.duration(to: now)
        if timeoutsInARow >= settings.timeoutsUntilReconnect, age >= settings.connectTimeout { return .timeouts }
        return age >= settings.maximumConnectionLifetime ? .age : nil
    }
}
