internal import ProviderHTTP

/// A set of connections with the thread that owns them. It takes requests until it is worn out; then another takes its place, while
/// this one finishes what it has and ends.
final class Lane: Sendable {
    private let mailbox: Mailbox
    private let wear: Locked<Wear>
    private let thread: OwnerThread

    /// - Parameter firstAddresses: See ``CurlTransport/Settings/firstAddresses``.
    /// - Throws: ``CurlTransport/SetupError/unavailable`` if libcurl or the system gives no more.
    init(
        settings: CurlTransport.Settings, ledger: TransferLedger, firstAddresses: [String] = [],
        now: ContinuousClock.Instant = .now
    ) throws(CurlTransport.SetupError) {
        let multi = try MultiHandle(
            maximumConnections: settings.maximumConnections, maximumStreams: settings.maximumRequests)
        mailbox = Mailbox(ledger: ledger, waker: multi.waker)
        wear = Locked(Wear(start: now))
        thread = try OwnerThread(
            running: TransferLoop(
                settings: settings, multi: multi, mailbox: mailbox, ledger: ledger, wear: wear, firstAddresses: firstAddresses))
    }

    /// Whether the thread is done, or about to be.
    var hasEnded: Bool { mailbox.hasEnded }

    func wornOut(at now: ContinuousClock.Instant, _ settings: CurlTransport.Settings) -> Wear.Reason? {
        wear.withLock { $0.reason(at: now, settings) }
    }

    /// Leaves an exchange to be carried out.
    ///
    /// - Returns: Why it was not taken, or nil.
    func submit(_ exchange: Exchange) -> TransportError.Code? {
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
