internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit

/// Keeps the books of a connection from outside: what the peer asked, what the backend was given, what was answered. What must
/// hold between them is required here.
struct Ledger {
    /// What a directive came from.
    enum Cause { case receive, answer, time, endInput }

    typealias Call = ConnectionUnderTest.StartedCall
    typealias CallID = ConnectionUnderTest.CallID

    private let limits: ConnectionLimits
    private var framing: ReferenceFraming
    private var asked: [UInt32: [[UInt8]]] = [:]
    private var answered: [UInt32: Int] = [:]
    private var given: [UInt32: [[UInt8]]] = [:]
    private var inFlight: [Call] = []
    private var ended: [CallID] = []
    private var answersMade = 0
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

    /// No two are alike, so that an answer on a stream it does not belong to is seen.
    mutating func makeAnswer(_ kind: UInt8) -> [UInt8] {
        answersMade += 1
        switch kind & 3 {
        case 0: return ResponseEncoder.encode(Verdict.rejected(Rejection(.tokenRejected, "answer \(answersMade)")))
        case 1: return ResponseEncoder.encode(FailureResponse(.providerBusy, "answer \(answersMade)", retryAfter: .seconds(1)))
        default:
            return ResponseEncoder.encode(
                Identity(
                    accountID: "answer \(answersMade)", applicationID: "1", provider: "fuzz",
                    verifiedAt: Timestamp(millisecondsSince1970: 0)))
        }
    }

    // MARK: - What happened

    mutating func noteReceived(_ bytes: [UInt8]) {
        guard !isClosed, !hasSentEnd, !inputEnded else { return }
        for piece in framing.feed(bytes) {
            switch piece {
            case .frame(let header, let data) where header.type == 1 || header.type == 3:
                asked[header.streamID, default: []].append(data)
            case .oversized(let header) where header.type == 1 || header.type == 3:
                asked[header.streamID, default: []].append([])
            default: break
            }
        }
    }

    mutating func noteStarted(_ calls: [Call], now: Instant) {
        for call in calls {
            require(!isClosed && !isDraining && !inputEnded, "no call begins once it is too late for it")
            require(!inFlight.contains { $0.id.streamID == call.id.streamID }, "one call at a time has a stream id")
            require(!inFlight.contains { $0.id == call.id } && !ended.contains(call.id), "a call's id is its own")
            require(call.deadline.instant > now, "a call has time")
            require(call.deadline.instant <= now.advanced(by: limits.maximumCallTimeout), "no call has more time than is allowed")
            if case .verify(let request) = call.call {
                require(
                    asked[call.id.streamID.rawValue]?.contains { $0.contains(request.token.bytes) } == true,
                    "what is asked about a token was asked on that stream")
            }
            inFlight.append(call)
        }
        require(inFlight.count <= limits.maximumCallsInFlight, "no more calls wait than are allowed")
    }

    mutating func noteAnswered(_ call: CallID, with data: [UInt8]) {
        given[call.streamID.rawValue, default: []].append(data)
        end(call)
    }

    mutating func noteExpired(_ calls: [CallID], now: Instant) {
        for id in calls {
            let call = inFlight.first { $0.id == id }
            require(call?.deadline.hasPassed(at: now) == true, "what expires is in flight and past its deadline")
            end(id)
        }
        require(isClosed || !inFlight.contains { $0.deadline.hasPassed(at: now) }, "what is past its deadline expires")
    }

    mutating func noteInputEnded() {
        inputEnded = true
    }

    mutating func note(_ directive: ConnectionUnderTest.Directive, _ cause: Cause) {
        if cause == .receive, framing.hasViolation, !isClosed, !hasSentEnd, !inputEnded {
            require(directive != .keep, "what can't be read ends the connection")
        }
        switch directive {
        case .keep: return
        case .halfClose:
            require(cause == .time && isDraining && !hasSentEnd && !isClosed, "the end is sent once, while draining")
            require(inFlight.isEmpty && !framing.isMidFrame, "the end is sent when nothing is left to do")
            hasSentEnd = true
        case .close(let closing):
            require(!isClosed, "a connection is closed once")
            check(closing, cause)
            isClosed = true
            for call in inFlight { end(call.id) }
        }
    }

    private func check(_ closing: ServerConnection.Closing, _ cause: Cause) {
        switch closing {
        case .peerClosed: require(inputEnded && inFlight.isEmpty, "who closed has all answers")
        case .violation: require(cause == .receive && framing.hasViolation, "a violation is one to the reference as well")
        case .frameTimeout: require(cause == .time && framing.isMidFrame, "only a frame that has begun can take too long")
        case .idle:
            require(cause == .time && inFlight.isEmpty, "who waits for an answer is not idle")
            require(!isDraining || hasSentEnd, "who drains sends its end first")
        case .notReading: require(cause == .time, "only time tells who does not read")
        }
    }

    private mutating func end(_ call: CallID) {
        inFlight.removeAll { $0.id == call }
        ended.append(call)
    }

    // MARK: - What must hold

    /// Takes the output apart, and holds each answer against what was asked and what was given for it.
    mutating func noteOutput(_ bytes: [UInt8]) {
        var frames = ReferenceFraming(limit: 4 << 20)
        for piece in frames.feed(bytes) {
            guard case .frame(let header, let data) = piece else { return require(false, "the output is frames") }
            require(header.type == 2 && header.flags == 0, "the output is answers")
            answered[header.streamID, default: 0] += 1
            let questions = asked[header.streamID] ?? []
            require(answered[header.streamID] ?? 0 <= questions.count, "an answer was asked for, and comes once")
            if let expected = given[header.streamID]?.first, expected == data {
                given[header.streamID]?.removeFirst()
            } else {
                checkOwn(data, questions)
            }
        }
        require(!frames.isMidFrame, "the output is whole frames")
    }

    /// An answer that the connection made itself: a failure, or something from memory about a token that was asked on this stream.
    private func checkOwn(_ data: [UInt8], _ questions: [[UInt8]]) {
        switch ResponseDecoder.identity(data.span, in: arena) {
        case .failure(let status):
            require(status.failure != nil && !status.message.hasPrefix("answer "), "a failure is one of the contract")
        case .success(let identity):
            guard let token = Memory.token(namedBy: identity.accountID) else {
                return require(false, "an answer goes to whom it was given for")
            }
            require(questions.contains { $0.contains(token) }, "memory answers what was asked on this stream")
        case .malformed:
            guard case .success = ResponseDecoder.healthCheck(data.span, in: arena) else {
                return require(false, "an answer can be read")
            }
        }
    }

    func checkTimer(_ timer: Instant, now: Instant) {
        guard !isClosed else { return require(timer == .distantFuture, "a closed connection waits for nothing") }
        let patience =
            [
                limits.maximumCallTimeout, limits.frameTimeout, limits.idleTimeout, limits.writeTimeout, limits.drainQuietPeriod,
            ].max() ?? .zero
        require(timer <= now.advanced(by: patience), "nothing waits longer than the longest time-out")
        for call in inFlight { require(timer <= call.deadline.instant, "the timer is there by every deadline") }
    }

    /// When no call waits any more, and all output was taken.
    func checkAllIsAnswered() {
        require(given.allSatisfy { $0.value.isEmpty }, "every answer that was given has left")
        guard !isClosed else { return }
        for (stream, questions) in asked { require(answered[stream] ?? 0 == questions.count, "every question has its answer") }
    }
}
