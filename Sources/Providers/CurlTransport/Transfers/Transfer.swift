internal import CCurl
internal import ProviderHTTP

/// One exchange as the owner thread carries it out: its handle, and what has come of the answer so far.
final class Transfer {
    let exchange: Exchange
    let easy: EasyHandle
    private let settings: CurlTransport.Settings
    private var header: ResponseHeader
    private var body: [UInt8] = []
    /// Why we ended the transfer ourselves, if we did.
    private var stopped: TransportError.Code?

    /// - Parameter addresses: See ``CurlTransport/Settings/firstAddresses``.
    /// - Returns: Nil if libcurl took one of the options not.
    init?(_ exchange: Exchange, settings: CurlTransport.Settings, addresses: [String], now: ContinuousClock.Instant) {
        guard let easy = EasyHandle() else { return nil }
        self.exchange = exchange
        self.easy = easy
        self.settings = settings
        header = ResponseHeader(maximumBytes: settings.maximumHeaderBytes)
        easy.setCallbacks(to: self)
        easy.apply(settings, remaining: now.duration(to: exchange.deadline))
        easy.apply(exchange.request)
        if !addresses.isEmpty { easy.set(CURLOPT_RESOLVE, addresses.map { "+" + $0 }) }
        guard easy.isSound else { return nil }
    }

    /// - Returns: False if the request must not go out: nobody waits for it any more, or it would go out a second time.
    func maySend() -> Bool {
        switch exchange.markAboutToSend() {
        case nil: return true
        case .hasEnded: return false
        case .isSecondTime:
            stopped = .connectionLost
            return false
        }
    }

    /// - Returns: False if the line is one too many.
    func take(headerLine line: RawSpan) -> Bool {
        // Trailers come after the body, and nothing here may depend on them.
        guard body.isEmpty else { return line.byteCount <= settings.maximumHeaderBytes }
        guard header.take(line) else {
            stopped = .headersTooLarge
            return false
        }
        return true
    }

    /// - Returns: False if that is more than is taken.
    func take(bodyBytes bytes: RawSpan) -> Bool {
        guard bytes.byteCount <= settings.maximumBodyBytes - body.count else {
            stopped = .bodyTooLarge
            return false
        }
        bytes.appendBytes(to: &body)
        return true
    }

    /// Tells the waiting task what came of it.
    func end(_ code: CURLcode, now: ContinuousClock.Instant) {
        if code == CURLE_OK {
            exchange.succeed(HTTPResponse(status: easy.status, headers: header.fields, body: body))
        } else if let stopped {
            exchange.fail(stopped)
        } else if code == CURLE_OPERATION_TIMEDOUT, now.advanced(by: .milliseconds(1)) >= exchange.deadline {
            exchange.fail(.deadlineExceeded)
        } else {
            exchange.fail(TransportError.Code(code), curlCode: UInt32(code.rawValue))
        }
    }
}
