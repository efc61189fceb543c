internal import CCurl
internal import NIOConcurrencyHelpers
internal import ProviderHTTP

/// The loop of the curl thread, which alone uses libcurl's handles.
final class TransferLoop {
    private let settings: CurlTransport.Settings
    private let multi: MultiHandle
    private let commands: CommandQueue
    private let semaphore: RequestSemaphore
    private let replacementPolicy: NIOLockedValueBox<PoolReplacementPolicy>
    /// The DNS overrides for the first transfer; empty afterwards.
    private var dnsOverrides: [String]
    private var transfers: [EasyHandle.ID: Transfer] = [:]

    init(
        settings: CurlTransport.Settings, multi: MultiHandle, commands: CommandQueue, semaphore: RequestSemaphore,
        replacementPolicy: NIOLockedValueBox<PoolReplacementPolicy>,
        dnsOverrides: [String]
    ) {
        self.settings = settings
        self.multi = multi
        self.commands = commands
        self.semaphore = semaphore
        self.replacementPolicy = replacementPolicy
        self.dnsOverrides = dnsOverrides
    }

    /// Runs until the connections are retired and the last transfer is done, or until a shutdown, which fails all transfers.
    func run() {
        defer { commands.noteEnd() }
        while true {
            let batch = commands.take()
            if batch.someWereCancelled || batch.isShuttingDown { dropEnded() }
            if batch.isShuttingDown { return shutDown(notStarted: batch.starting) }
            for pending in batch.starting { start(pending) }
            var isValid = multi.perform()
            while let (id, code) = multi.nextEnded() { end(id, code) }
            if batch.isRetired, transfers.isEmpty { return }
            // The waker and libcurl's timers end the wait. The limit only bounds the cost of a lost wake-up.
            isValid = multi.wait(atMost: 10_000) && isValid
            if !isValid { failAll(.protocolError) }
        }
    }

    /// Starts a request, or starts it again on a new connection.
    ///
    /// - Parameter limit: The end of the time of a request that was started before.
    private func start(
        _ pending: PendingRequest, on choice: Transfer.ConnectionChoice = .any, until limit: ContinuousClock.Instant? = nil
    ) {
        let now = ContinuousClock.now
        guard !pending.hasEnded else { return commands.releasePermit() }
        let timeLimit = min(pending.deadline, limit ?? now.advanced(by: settings.requestTimeout))
        guard now < timeLimit else {
            commands.releasePermit()
            return pending.fail(now < pending.deadline ? .timedOut : .deadlineExceeded)
        }
        let transfer = Transfer(
            pending, on: choice, settings: settings, sockets: multi.sockets, dnsOverrides: dnsOverrides,
            during: now..<timeLimit)
        dnsOverrides = []
        guard let transfer, multi.add(transfer.easy) else {
            commands.releasePermit()
            return pending.fail(.protocolError)
        }
        transfers[transfer.easy.id] = transfer
    }

    private func end(_ id: EasyHandle.ID, _ code: CURLcode) {
        guard let transfer = transfers[id] else { return }
        // A request with a connection of its own is no evidence about the shared connections.
        if transfer.pending.request.mayShareConnection {
            if code == CURLE_OK { replacementPolicy.withLockedValue { $0.noteResponse() } }
            if code == CURLE_OPERATION_TIMEDOUT { replacementPolicy.withLockedValue { $0.noteTimeout() } }
        }
        if transfer.foundUnreadBytes {
            // Nothing was sent on the connection, and libcurl has closed it.
            remove(transfer)
            return start(transfer.pending, on: .new, until: transfer.timeLimit)
        }
        drop(transfer)
        transfer.end(code, now: .now)
    }

    private func dropEnded() {
        for transfer in transfers.values where transfer.pending.hasEnded { drop(transfer) }
    }

    private func failAll(_ code: TransportError.Code) {
        for transfer in transfers.values {
            drop(transfer)
            transfer.pending.fail(code)
        }
    }

    private func shutDown(notStarted: [PendingRequest]) {
        for pending in notStarted {
            commands.releasePermit()
            pending.fail(.shutDown)
        }
        failAll(.shutDown)
    }

    /// Counts a transfer and releases its permit. Its caller is answered afterwards, and finds both done.
    private func drop(_ transfer: Transfer) {
        remove(transfer)
        commands.releasePermit()
    }

    private func remove(_ transfer: Transfer) {
        semaphore.noteConnections(transfer.easy.newConnections)
        multi.remove(transfer.easy)
        transfers[transfer.easy.id] = nil
    }
}
