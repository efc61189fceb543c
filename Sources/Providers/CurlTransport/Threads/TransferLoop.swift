internal import CCurl
internal import ProviderHTTP

/// What the owner thread does: it alone touches libcurl's handles.
final class TransferLoop {
    private let settings: CurlTransport.Settings
    private let multi: MultiHandle
    private let mailbox: CommandQueue
    private let ledger: RequestSemaphore
    private let wear: Locked<PoolReplacementPolicy>
    /// For the first transfer.
    private var firstAddresses: [String]
    private var transfers: [EasyHandle.ID: Transfer] = [:]

    init(
        settings: CurlTransport.Settings, multi: MultiHandle, mailbox: CommandQueue, ledger: RequestSemaphore,
        wear: Locked<PoolReplacementPolicy>,
        firstAddresses: [String]
    ) {
        self.settings = settings
        self.multi = multi
        self.mailbox = mailbox
        self.ledger = ledger
        self.wear = wear
        self.firstAddresses = firstAddresses
    }

    /// Works until the mailbox says that it is retired and nothing is left to do, or to shut down, which fails what is left.
    func run() {
        defer { mailbox.noteEnd() }
        while true {
            let batch = mailbox.take()
            if batch.someWereCancelled || batch.isShuttingDown { dropEnded() }
            if batch.isShuttingDown { return shutDown(notStarted: batch.starting) }
            for exchange in batch.starting { start(exchange) }
            var isSound = multi.perform()
            while let (id, code) = multi.nextEnded() { end(id, code) }
            if batch.isRetired, transfers.isEmpty { return }
            // Nothing needs the limit: the waker and libcurl's own timers end the wait. It only bounds what a lost one costs.
            isSound = multi.wait(atMost: 10_000) && isSound
            if !isSound { failAll(.protocolError) }
        }
    }

    private func start(_ exchange: PendingRequest) {
        let now = ContinuousClock.now
        guard !exchange.hasEnded else { return mailbox.discharge() }
        guard now < exchange.deadline else {
            exchange.fail(.deadlineExceeded)
            return mailbox.discharge()
        }
        let transfer = Transfer(exchange, settings: settings, addresses: firstAddresses, now: now)
        firstAddresses = []
        guard let transfer, multi.add(transfer.easy) else {
            exchange.fail(.protocolError)
            return mailbox.discharge()
        }
        transfers[transfer.easy.id] = transfer
    }

    private func end(_ id: EasyHandle.ID, _ code: CURLcode) {
        guard let transfer = transfers[id] else { return }
        // A request with a connection of its own says nothing about those that others share.
        if transfer.exchange.request.mayShareConnection {
            if code == CURLE_OK { wear.withLock { $0.noteAnswer() } }
            if code == CURLE_OPERATION_TIMEDOUT { wear.withLock { $0.noteTimeout() } }
        }
        transfer.end(code, now: .now)
        drop(transfer)
    }

    private func dropEnded() {
        for transfer in transfers.values where transfer.exchange.hasEnded { drop(transfer) }
    }

    private func failAll(_ code: TransportError.Code) {
        for transfer in transfers.values {
            transfer.exchange.fail(code)
            drop(transfer)
        }
    }

    private func shutDown(notStarted: [PendingRequest]) {
        for exchange in notStarted {
            exchange.fail(.shutDown)
            mailbox.discharge()
        }
        failAll(.shutDown)
    }

    private func drop(_ transfer: Transfer) {
        ledger.noteConnections(transfer.easy.newConnections)
        multi.remove(transfer.easy)
        transfers[transfer.easy.id] = nil
        mailbox.discharge()
    }
}
