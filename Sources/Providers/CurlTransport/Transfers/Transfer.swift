internal import CCurl
internal import ProviderHTTP

/// A request in progress on the curl thread: its handle, and the received part of the response.
final class Transfer {
    /// Which connections a request may use.
    enum ConnectionChoice {
        case any
        /// A new one, because the connection that libcurl picked first had unread bytes.
        case new
    }

    let pending: PendingRequest
    let easy: EasyHandle
    private let settings: CurlTransport.Settings
    private let sockets: OpenSockets
    private let choice: ConnectionChoice
    private var header: ResponseHeader
    private var body: [UInt8] = []
    private let maximumBodyBytes: Int
    /// The error of a transfer that we stopped ourselves; `nil` otherwise.
    private var ownError: TransportError.Code?

    /// Whether the connection that libcurl picked had unread bytes, so that nothing was sent on it.
    private(set) var foundUnreadBytes = false
    /// The end of the request's time: its caller's deadline, or the transport's own limit.
    let timeLimit: ContinuousClock.Instant
    /// The connections that libcurl had opened for this request when it last picked one.
    private var openedConnections = 0

    /// - Parameters:
    ///   - dnsOverrides: See ``CurlTransport/Settings/dnsOverrides``.
    ///   - time: From now to the end of the request's time; not empty.
    /// - Returns: `nil` if libcurl rejects an option.
    init?(
        _ pending: PendingRequest, on choice: ConnectionChoice, settings: CurlTransport.Settings, sockets: OpenSockets,
        dnsOverrides: [String], during time: Range<ContinuousClock.Instant>
    ) {
        guard let easy = EasyHandle() else { return nil }
        self.pending = pending
        self.easy = easy
        self.settings = settings
        self.sockets = sockets
        self.choice = choice
        timeLimit = time.upperBound
        maximumBodyBytes = pending.request.maximumBodyBytes ?? settings.maximumBodyBytes
        header = ResponseHeader(maximumBytes: settings.maximumHeaderBytes)
        easy.setCallbacks(to: self)
        easy.apply(settings, remaining: time.lowerBound.duration(to: timeLimit))
        easy.apply(pending.request, on: choice)
        if !dnsOverrides.isEmpty { easy.set(CURLOPT_RESOLVE, dnsOverrides.map { "+" + $0 }) }
        guard easy.isValid else { return nil }
    }

    /// Decides whether the request may be sent.
    ///
    /// - Returns: False if its caller has cancelled it, if libcurl repeats it more often than it may, or if the connection has unread
    ///   bytes: these would be taken for its response.
    func maySend(on connection: PickedConnection) -> Bool {
        // libcurl may pick several connections for one request, new and kept.
        let opened = easy.newConnections
        let isNew = opened > openedConnections
        openedConnections = opened
        guard sockets.isClean(connection, isNew: isNew) else {
            if choice == .any { foundUnreadBytes = true } else { ownError = .connectionLost }
            return false
        }
        switch pending.markAboutToSend(over: connection.speaksHTTP2 ? .http2 : .http1) {
        case nil: return true
        case .hasEnded: return false
        case .mayHaveBeenSent:
            ownError = .connectionLost
            return false
        case .wasRefused:
            ownError = .streamRefused
            return false
        }
    }

    /// Receives a header line.
    ///
    /// - Returns: False if the header is too long.
    func receive(headerLine line: RawSpan) -> Bool {
        // Trailers, which follow the body, are ignored.
        guard body.isEmpty else { return line.byteCount <= settings.maximumHeaderBytes }
        guard header.append(line) else {
            ownError = .headersTooLarge
            return false
        }
        return true
    }

    /// Receives a part of the body.
    ///
    /// - Returns: False if the body is too long.
    func receive(bodyBytes bytes: RawSpan) -> Bool {
        guard bytes.byteCount <= maximumBodyBytes - body.count else {
            ownError = .bodyTooLarge
            return false
        }
        bytes.appendBytes(to: &body)
        return true
    }

    /// Resumes the waiting task with the outcome.
    func end(_ code: CURLcode, now: ContinuousClock.Instant) {
        if code == CURLE_OK {
            pending.succeed(
                HTTPResponse(status: easy.status, headers: header.fields, body: body, repeats: pending.repeats))
        } else if let ownError {
            pending.fail(ownError)
        } else if code == CURLE_OPERATION_TIMEDOUT, now.advanced(by: .milliseconds(1)) >= pending.deadline {
            pending.fail(.deadlineExceeded)
        } else {
            pending.fail(TransportError.Code(code), curlCode: UInt32(code.rawValue), cause: easy.cause(of: code))
        }
    }
}
