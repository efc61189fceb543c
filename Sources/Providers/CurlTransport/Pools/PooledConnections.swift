private import NIOConcurrencyHelpers
internal import ProviderHTTP

/// A set of connections with the curl thread that owns them. Accepts requests until it is retired, and ends after the last
/// response.
final class PooledConnections: Sendable {
    private let commands: CommandQueue
    private let replacementPolicy: NIOLockedValueBox<PoolReplacementPolicy>
    private let thread: CurlThread

    /// - Parameter dnsOverrides: See ``CurlTransport/Settings/dnsOverrides``.
    /// - Throws: ``CurlTransport/SetupError/unavailable`` if libcurl or the system is out of resources.
    init(
        settings: CurlTransport.Settings, semaphore: RequestSemaphore, dnsOverrides: [String] = [],
        now: ContinuousClock.Instant = .now
    ) throws(CurlTransport.SetupError) {
        let multi = try MultiHandle(
            maximumConnections: settings.maximumConnections, maximumStreams: settings.maximumRequests,
            // A shared connection whose path is gone without a word would be used, and waited for, for a quarter of an hour.
            userTimeout: settings.requestTimeout)
        commands = CommandQueue(semaphore: semaphore, waker: multi.waker)
        replacementPolicy = NIOLockedValueBox(PoolReplacementPolicy(start: now))
        thread = try CurlThread(
            running: TransferLoop(
                settings: settings, multi: multi, commands: commands, semaphore: semaphore, replacementPolicy: replacementPolicy,
                dnsOverrides: dnsOverrides))
    }

    /// Whether the thread has ended, or is about to end.
    var hasEnded: Bool { commands.hasEnded }

    func replacementReason(at now: ContinuousClock.Instant, _ settings: CurlTransport.Settings) -> PoolReplacementPolicy.Reason? {
        replacementPolicy.withLockedValue { $0.reason(at: now, settings) }
    }

    /// Queues a request.
    ///
    /// - Returns: The error if the request was not queued; `nil` otherwise.
    func submit(_ request: PendingRequest) -> TransportError.Code? {
        commands.submit(request)
    }

    /// Tells the curl thread that a caller cancelled a request, perhaps one on these connections.
    func noteCancellation() {
        commands.noteCancellation()
    }

    /// Ends the thread after the last request is done. No request may be submitted after this.
    func retire() {
        commands.retire()
    }

    /// Fails all requests, and ends the thread.
    func shutDown() {
        commands.shutDown()
    }

    /// Waits until the thread has ended.
    func join() {
        thread.join()
    }
}
