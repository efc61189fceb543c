internal import CCurl
internal import ProviderHTTP

/// One exchange as the owner thread carries it out: its handle, and what has come of the answer so far.
final class Transfer {
    let exchange: PendingRequest
    let easy: EasyHandle
    private let settings: CurlTransport.Settings
    private var header: ResponseHeader
    private var body: [UInt8] = []
    /// Why we ended the transfer ourselves, if we did.
    private var stopped: TransportError.Code?

    /// - Parameter addresses: See ``CurlTransport/Settings/firstAddresses``.
    /// - Returns: Nil if libcurl took one of the options not.
    init?(_ exchange: PendingRequest, settings: CurlTransport.Settings, addresses: [String], now: ContinuousClock.Instant) {
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

/// Collects the header of an answer, line by line, up to a limit.
struct ResponseHeader {
    private(set) var fields = HTTPHeaders()
    private var remainingBytes: Int

    init(maximumBytes: Int) {
        remainingBytes = maximumBytes
    }

    /// Takes a line with its end. A status line drops what came before: that was an interim answer (RFC 9110, section 15.2).
    ///
    /// - Returns: False if the limit, which counts every line since the first, is passed.
    mutating func take(_ line: RawSpan) -> Bool {
        guard line.byteCount <= remainingBytes else { return false }
        remainingBytes -= line.byteCount
        var bytes: [UInt8] = []
        line.appendBytes(to: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            fields = HTTPHeaders()
        } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
            fields[String(text[..<colon])] = Self.trimmed(text[colon...].dropFirst())
        }
        return true
    }

    private static func trimmed(_ value: Substring) -> String {
        let isSpace = { (character: Character) in character.isWhitespace }
        let start = value.drop(while: isSpace)
        return String(start.reversed().drop(while: isSpace).reversed())
    }
}

extension RawSpan {
    func appendBytes(to array: inout [UInt8]) {
        unsafe withUnsafeBytes { unsafe array.append(contentsOf: $0) }
    }
}
