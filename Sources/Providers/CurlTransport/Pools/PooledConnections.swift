private import NIOConcurrencyHelpers
internal import ProviderHTTP

/// A set of connections, and the curl thread that owns them. It takes requests until it is retired; it then finishes them and ends.
final class PooledConnections: Sendable {
    private let commands: CommandQueue
    private let replacementPolicy: NIOLockedValueBox<PoolReplacementPolicy>
    private let thread: CurlThread

    /// - Parameter dnsOverrides: See ``CurlTransport/Settings/dnsOverrides``.
    /// - Throws: ``CurlTransport/SetupError/unavailable`` if libcurl or the system has no resources left.
    init(
        settings: CurlTransport.Settings, semaphore: RequestSemaphore, dnsOverrides: [String] = [],
        now: ContinuousClock.Instant = .now
    ) throws(CurlTransport.SetupError) {
        let multi = try MultiHandle(
            maximumConnections: settings.maximumConnections, maximumStreams: settings.maximumRequests)
        commands = CommandQueue(semaphore: semaphore, waker: multi.waker)
        replacementPolicy = NIOLockedValueBox(PoolReplacementPolicy(start: now))
        thread = try CurlThread(
            running: TransferLoop(
                settings: settings, multi: multi, commands: commands, semaphore: semaphore, replacementPolicy: replacementPolicy,
                dnsOverrides: dnsOverrides))
    }

    /// Whether the thread is done, or about to be.
    var hasEnded: Bool { commands.hasEnded }

    func replacementReason(at now: ContinuousClock.Instant, _ settings: CurlTransport.Settings) -> PoolReplacementPolicy.Reason? {
        replacementPolicy.withLockedValue { $0.reason(at: now, settings) }
    }

    /// Queues a request.
    ///
    /// - Returns: Why it was not queued; `nil` if it was.
    func submit(_ request: PendingRequest) -> TransportError.Code? {
        commands.submit(request)
    }

    /// Tells the curl thread that a caller ended its request, which may be on these connections.
    func noteCancellation() {
        commands.noteCancellation()
    }

    /// Has the thread end once all requests are done. No request may be submitted after this.
    func retire() {
        commands.retire()
    }

    /// Has the thread fail all requests, and end.
    func shutDown() {
        commands.shutDown()
    }

    /// Waits for the thread's end.
    func join() {
        thread.join()
    }
}
