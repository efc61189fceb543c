internal import CCurl

/// What the owner thread does: it alone touches libcurl's handles.
final class TransferLoop {
    private let settings: CurlTransport.Settings
    private let multi: MultiHandle
    private let mailbox: Mailbox
    private var transfers: [EasyHandle.ID: Transfer] = [:]

    init(settings: CurlTransport.Settings, multi: MultiHandle, mailbox: Mailbox) {
        self.settings = settings
        self.multi = multi
        self.mailbox = mailbox
    }

    /// Works until the mailbox says to shut down; then fails what is left.
    func run() {
        while true {
            let batch = mailbox.take()
            if batch.someWereCancelled || batch.isShuttingDown { dropEnded() }
            if batch.isShuttingDown { return shutDown(notStarted: batch.starting) }
            for exchange in batch.starting { start(exchange) }
            var isSound = multi.perform()
            while let (id, code) = multi.nextEnded() { end(id, code) }
            // Nothing needs the limit: the waker and libcurl's own timers end the wait. It only bounds what a lost one costs.
            isSound = multi.wait(atMost: 10_000) && isSound
            if !isSound { failAll(.protocolError) }
        }
    }

    private func start(_ exchange: Exchange) {
        let now = ContinuousClock.now
        guard !exchange.hasEnded else { return mailbox.discharge() }
        guard now < exchange.deadline else {
            exchange.fail(.deadlineExceeded)
            return mailbox.discharge()
        }
        guard let transfer = Transfer(exchange, settings: settings, now: now), multi.add(transfer.easy) else {
            exchange.fail(.protocolError)
            return mailbox.discharge()
        }
        transfers[transfer.easy.id] = transfer
    }

    private func end(_ id: EasyHandle.ID, _ code: CURLcode) {
        guard let transfer = transfers[id] else { return }
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

    private func shutDown(notStarted: [Exchange]) {
        for exchange in notStarted {
            exchange.fail(.shutDown)
            mailbox.discharge()
        }
        failAll(.shutDown)
    }

    private func drop(_ transfer: Transfer) {
        multi.remove(transfer.easy)
        transfers[transfer.easy.id] = nil
        mailbox.discharge()
    }
}
