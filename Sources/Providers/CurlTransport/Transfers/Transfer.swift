internal import CCurl
internal import ProviderHTTP

/// A pending request as the curl thread carries it out: its handle, and the part of the response that has arrived.
final class Transfer {
    let pending: PendingRequest
    let easy: EasyHandle
    private let settings: CurlTransport.Settings
    private var header: ResponseHeader
    private var body: [UInt8] = []
    /// Why we ended the transfer ourselves, if we did.
    private var stopped: TransportError.Code?

    /// - Parameter dnsOverrides: See ``CurlTransport/Settings/dnsOverrides``.
    /// - Returns: `nil` if libcurl rejects an option.
    init?(_ pending: PendingRequest, settings: CurlTransport.Settings, dnsOverrides: [String], now: ContinuousClock.Instant) {
        guard let easy = EasyHandle() else { return nil }
        self.pending = pending
        self.easy = easy
        self.settings = settings
        header = ResponseHeader(maximumBytes: settings.maximumHeaderBytes)
        easy.setCallbacks(to: self)
        easy.apply(settings, remaining: now.duration(to: pending.deadline))
        easy.apply(pending.request)
        if !dnsOverrides.isEmpty { easy.set(CURLOPT_RESOLVE, dnsOverrides.map { "+" + $0 }) }
        guard easy.isValid else { return nil }
    }

    /// - Returns: False if the request must not go out: its caller has ended it, or it would go out a second time.
    func maySend() -> Bool {
        switch pending.markAboutToSend() {
        case nil: return true
        case .hasEnded: return false
        case .mayHaveBeenSent:
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

    /// Resumes the waiting task with the outcome.
    func end(_ code: CURLcode, now: ContinuousClock.Instant) {
        if code == CURLE_OK {
            pending.succeed(HTTPResponse(status: easy.status, headers: header.fields, body: body))
        } else if let stopped {
            pending.fail(stopped)
        } else if code == CURLE_OPERATION_TIMEDOUT, now.advanced(by: .milliseconds(1)) >= pending.deadline {
            pending.fail(.deadlineExceeded)
        } else {
            pending.fail(TransportError.Code(code), curlCode: UInt32(code.rawValue))
        }
    }
}
