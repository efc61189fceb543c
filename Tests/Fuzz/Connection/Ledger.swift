internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit

/// Records a connection's events from outside: requests of the peer, calls for the backend, responses. Requires the rules between
/// them.
struct Ledger {
    /// The event that caused a directive.
    enum Cause { case receive, response, time, endInput }

    typealias Call = StartedCall

    private let limits: ConnectionLimits
    private var framing: ReferenceFraming
    private var requests: [UInt32: [[UInt8]]] = [:]
    private var responseCounts: [UInt32: Int] = [:]
    private var expectedResponses: [UInt32: [[UInt8]]] = [:]
    private var inFlight: [Call] = []
    private var ended: [CallID] = []
    private var responsesMade = 0
    private var inputEnded = false
    private var hasSentEnd = false
    private(set) var isClosed = false
    var isDraining = false
    private let arena = MessageArena()

    init(limits: ConnectionLimits) {
        self.limits = limits
        framing = ReferenceFraming(limit: Int(limits.maximumFrameLength))
    }

    var callsInFlight: Int { inFlight.count }

    func call(inFlight index: Int) -> CallID? { inFlight.isEmpty ? nil : inFlight[index % inFlight.count].id }
    func call(ended index: Int) -> CallID? { ended.isEmpty ? nil : ended[index % ended.count] }

    /// Returns a unique response, so that a response on a wrong stream is noticed.
    mutating func makeResponse(_ kind: UInt8) -> [UInt8] {
        responsesMade += 1
        switch kind & 3 {
        case 0: return ResponseEncoder.encode(Verdict.rejected(Rejection(.tokenRejected, "response \(responsesMade)")))
        case 1: return ResponseEncoder.encode(FailureResponse(.providerBusy, "response \(responsesMade)", retryAfter: .seconds(1)))
        default:
            return ResponseEncoder.encode(
                Identity(
                    accountID: "response \(responsesMade)", applicationID: "1", provider: "fuzz",
                    verifiedAt: Timestamp(millisecondsSince1970: 0)))
        }
    }

    // MARK: - Events

    mutating func noteReceived(_ bytes: [UInt8]) {
        guard !isClosed, !hasSentEnd, !inputEnded else { return }
        for piece in framing.feed(bytes) {
            switch piece {
            case .frame(let header, let data) where header.type == 1 || header.type == 3:
                requests[header.streamID, default: []].append(data)
            case .oversized(let header) where header.type == 1 || header.type == 3:
                requests[header.streamID, default: []].append([])
            default: break
            }
        }
    }

    mutating func noteStarted(_ calls: [Call], now: Instant) {
        for call in calls {
            require(!isClosed && !isDraining && !inputEnded, "no call starts on a closed, draining or ended connection")
            require(!inFlight.contains { $0.id.streamID == call.id.streamID }, "a stream id belongs to one call at a time")
            require(!inFlight.contains { $0.id == call.id } && !ended.contains(call.id), "a call's id is unique")
            require(call.deadline.instant > now, "a call's deadline is in the future")
            require(call.deadline.instant <= now.advanced(by: limits.maximumCallTimeout), "a call's deadline is within the limit")
            if case .verify(let request) = call.call {
                require(
                    requests[call.id.streamID.rawValue]?.contains { $0.contains(request.token.bytes) } == true,
                    "a call's token was requested on its stream")
            }
            inFlight.append(call)
        }
        require(inFlight.count <= limits.maximumCallsInFlight, "the calls in flight are within the limit")
    }

    mutating func noteResponse(_ call: CallID, with data: [UInt8]) {
        expectedResponses[call.streamID.rawValue, default: []].append(data)
        end(call)
    }

    mutating func noteExpired(_ calls: [CallID], now: Instant) {
        for id in calls {
            let call = inFlight.first { $0.id == id }
            require(call?.deadline.hasPassed(at: now) == true, "an expired call was in flight and past its deadline")
            end(id)
        }
        require(isClosed || !inFlight.contains { $0.deadline.hasPassed(at: now) }, "a call past its deadline expires")
    }

    mutating func noteInputEnded() {
        inputEnded = true
    }

    mutating func note(_ directive: ConnectionUnderTest.Directive, _ cause: Cause) {
        if cause == .receive, framing.hasViolation, !isClosed, !hasSentEnd, !inputEnded {
            require(directive != .keep, "a violation ends the connection")
        }
        switch directive {
        case .keep: return
        case .takeTurn, .serve: require(false, "a ttrpc connection has no pipelining and is handed over to no protocol")
        case .halfClose:
            require(cause == .time && isDraining && !hasSentEnd && !isClosed, "the connection half-closes once, while draining")
            // The call of an unfinished frame would be refused, so it does not hold the connection.
            require(inFlight.isEmpty, "the connection half-closes without calls in flight")
            hasSentEnd = true
        case .close(let closing):
            require(!isClosed, "a connection closes once")
            check(closing, cause)
            isClosed = true
            for call in inFlight { end(call.id) }
        }
    }

    private func check(_ closing: ConnectionClosing, _ cause: Cause) {
        switch closing {
        case .peerClosed: require(inputEnded && inFlight.isEmpty, "a peer that closed has all responses")
        case .violation: require(cause == .receive && framing.hasViolation, "the reference sees the same violation")
        case .frameTimeout: require(cause == .time && framing.isMidFrame, "only an unfinished frame can time out")
        case .idle:
            require(cause == .time && inFlight.isEmpty, "a connection with calls in flight is not idle")
            require(!isDraining || hasSentEnd, "a draining connection half-closes first")
        case .notReading: require(cause == .time, "only a timer closes a connection that is not read")
        case .unknownProtocol, .protocolNotServed, .httpViolation, .finished: require(false, "the connection speaks ttrpc")
        case .drained, .noPermission: require(false, "the connection has no age, no certificate and a caller with permissions")
        }
    }

    private mutating func end(_ call: CallID) {
        inFlight.removeAll { $0.id == call }
        ended.append(call)
    }

    // MARK: - Rules

    /// Decodes the output and compares each response with the requests and with the expected responses.
    mutating func noteOutput(_ bytes: [UInt8]) {
        var frames = ReferenceFraming(limit: 4 << 20)
        for piece in frames.feed(bytes) {
            guard case .frame(let header, let data) = piece else { return require(false, "the output consists of frames") }
            require(header.type == 2 && header.flags == 0, "the output consists of responses")
            responseCounts[header.streamID, default: 0] += 1
            let streamRequests = requests[header.streamID] ?? []
            require(responseCounts[header.streamID] ?? 0 <= streamRequests.count, "each response has a request of its own")
            if let expected = expectedResponses[header.streamID]?.first, expected == data {
                expectedResponses[header.streamID]?.removeFirst()
            } else {
                checkOwn(data, streamRequests)
            }
        }
        require(!frames.isMidFrame, "the output consists of whole frames")
    }

    /// Checks a response that the connection made itself: a failure, or a cached response for a token requested on this stream.
    private func checkOwn(_ data: [UInt8], _ streamRequests: [[UInt8]]) {
        switch ResponseDecoder.identity(data.span, in: arena) {
        case .failure(let status):
            require(status.failure != nil && !status.message.hasPrefix("response "), "a failure is part of the contract")
        case .success(let identity):
            guard let token = TestCache.token(namedBy: identity.accountID) else {
                return require(false, "a response goes to the stream of its call")
            }
            require(streamRequests.contains { $0.contains(token) }, "a cached response was requested on this stream")
        case .malformed:
            guard case .success = ResponseDecoder.healthCheck(data.span, in: arena) else {
                return require(false, "a response can be decoded")
            }
        }
    }

    func checkTimer(_ timer: Instant, now: Instant) {
        guard !isClosed else { return require(timer == .distantFuture, "a closed connection has no timer") }
        let longest =
            [
                limits.maximumCallTimeout, limits.frameTimeout, limits.idleTimeout, limits.writeTimeout, limits.drainQuietPeriod,
            ].max() ?? .zero
        require(timer <= now.advanced(by: longest), "no timer exceeds the longest timeout")
        for call in inFlight { require(timer <= call.deadline.instant, "the timer fires by every deadline") }
    }

    /// Checks the end, when no call is in flight and all output was taken.
    func checkAllCallsEnded() {
        require(expectedResponses.allSatisfy { $0.value.isEmpty }, "every response was sent")
        guard !isClosed else { return }
        for (stream, received) in requests {
            require(responseCounts[stream] ?? 0 == received.count, "every request has its response")
        }
    }
}
