internal import DoormanCore
package import DoormanSupport
package import DoormanWire
package import NIOCore

/// One connection without its socket: bytes and the time go in; bytes to write, calls to start and what to do with the socket
/// come out. The handler performs; tests, fuzzers and simulators drive the same type with no socket at all.
///
/// An event that can't happen is one of three things. Our own bug (answering a call that never began is not one, see below) is
/// a `precondition`. The peer's fault is answered on its stream where the contract has an answer for it, and otherwise ends
/// the connection. A harmless race, such as an answer for a call whose deadline has passed meanwhile, is ignored.
package struct ServerConnection {
    /// What to do with a request.
    package enum Decision {
        /// It is answered already: the data of a response frame.
        case answer([UInt8])
        /// It is answered already, by what lies in the room for a reply.
        case reply
        /// It has to wait. Indirect, so that a hit carries no room for a call.
        indirect case start(Call, timeout: Duration?)
    }

    /// Looks at a request's data ahead of ``Decide``, while the one before is still to be answered: what it needs of memory is on its way
    /// by then. Nil if there is nothing to prepare.
    package typealias Prepare = (_ data: Span<UInt8>) -> PrefetchedVerify?

    /// Reads a request's data and says what to do with it; a reply from memory goes into the room for it. What is prepared is of this
    /// data.
    package typealias Decide = (
        _ data: Span<UInt8>, _ prepared: PrefetchedVerify?, _ isDraining: Bool, _ reply: inout EncodedResponse
    ) -> Decision

    /// Takes what it can of the answers that are there while more frames of the same read are still to be answered.
    ///
    /// - Returns: Whether it took all of them. If not, it is not asked again in this read.
    package typealias SendAhead = (_ output: inout ByteBuffer) -> Bool

    /// Tells the calls of a connection apart. A stream id does not: the client may use it again once it has an answer, while the
    /// work for the call before still goes on.
    package struct CallID: Sendable, Hashable, Comparable {
        package let streamID: StreamID
        fileprivate let number: UInt64

        package static func < (lhs: CallID, rhs: CallID) -> Bool { lhs.number < rhs.number }
    }

    /// A call that was started and is to be answered by ``answer(_:with:now:)``.
    package struct StartedCall {
        package let id: CallID
        package let call: Call
        package let deadline: Deadline
    }

    /// What to do with the socket once the output is written.
    package enum Directive: Sendable, Hashable {
        case keep
        /// Send FIN, go on reading until the peer closes.
        case halfClose
        case close(Closing)
    }

    /// Why a connection ends.
    package enum Closing: Sendable, Hashable {
        /// The peer closed its side, and everything is answered.
        case peerClosed
        case violation(FrameDecoder.Violation)
        /// A frame took longer than ``ConnectionLimits/frameTimeout``.
        case frameTimeout
        /// ``ConnectionLimits/idleTimeout``.
        case idle
        /// ``ConnectionLimits/writeTimeout``.
        case notReading
    }

    private enum State: Hashable {
        case open
        /// Finishing what is in flight; new calls are answered `DRAINING`.
        case draining
        /// FIN was sent.
        case halfClosed
        case closed
    }

    /// What is looked at in every read, in a form that takes no division of 128 bits.
    private struct Spans {
        let write, frame, idle, drainQuiet: Nanoseconds

        init(_ limits: ConnectionLimits) {
            write = Nanoseconds(limits.writeTimeout)
            frame = Nanoseconds(limits.frameTimeout)
            idle = Nanoseconds(limits.idleTimeout)
            drainQuiet = Nanoseconds(limits.drainQuietPeriod)
        }
    }

    /// So many bytes of answers are worth a write of their own while more frames wait. Else a peer that has all its calls in flight on
    /// one connection gets the first answer with the last, and the server its next calls after that: the two work by turns.
    private static let worthSendingAhead = 4096

    private let limits: ConnectionLimits
    private let spans: Spans
    private var decoder: FrameDecoder
    private var state = State.open
    private var inFlight: [StreamID: (id: CallID, deadline: Deadline)] = [:]
    private var lastCallNumber: UInt64 = 0
    /// No later than the earliest deadline in flight.
    private var earliestDeadline = Instant.distantFuture
    private var inputEnded = false
    private var lastActivity: Instant
    private var frameBegan: Instant?
    private var blockedSince: Instant?
    private var output = ByteBuffer()
    private var started: [StartedCall] = []
    private var refusals: [Failure: Int] = [:]

    package init(limits: ConnectionLimits, now: Instant) {
        self.limits = limits
        self.spans = Spans(limits)
        self.decoder = FrameDecoder(maximumLength: limits.maximumFrameLength)
        self.lastActivity = now
    }

    /// Calls that were started and not answered.
    package var callsInFlight: Int { inFlight.count }

    /// Whether there are calls to start.
    package var hasStarted: Bool { !started.isEmpty }

    /// Whether new calls are answered `DRAINING`.
    package var isDraining: Bool { state != .open }

    // MARK: - What comes out

    /// The bytes to write, if there are any.
    package mutating func takeOutput() -> ByteBuffer? {
        guard output.readableBytes > 0 else { return nil }
        var taken = ByteBuffer()
        swap(&output, &taken)
        return taken
    }

    /// Takes memory to write the next output into, unless it has some. The connections of a loop have one output at a time, so they
    /// share it: it stays in the processor's cache, and an idle connection holds none.
    package mutating func lend(_ memory: inout ByteBuffer) {
        if output.capacity == 0 { swap(&output, &memory) }
    }

    /// Gives the memory back, if there is some and all that was written into it is sent.
    package mutating func takeUnusedMemory() -> ByteBuffer? {
        guard output.capacity > 0, output.readableBytes == 0 else { return nil }
        var taken = ByteBuffer()
        swap(&output, &taken)
        return taken
    }

    /// The calls to start, in the order in which they came.
    package mutating func takeStarted() -> [StartedCall] {
        guard !started.isEmpty else { return [] }
        defer { started = [] }
        return started
    }

    /// Whether a failure was answered here since ``takeRefusals()``.
    // Inlined, for otherwise the whole connection is copied to ask it.
    @inline(__always)
    var hasRefusals: Bool { !refusals.isEmpty }

    /// How often each failure was answered here since this was last asked, for the metrics.
    package mutating func takeRefusals() -> [Failure: Int] {
        guard !refusals.isEmpty else { return [:] }
        defer { refusals = [:] }
        return refusals
    }

    // MARK: - Events

    /// Bytes came.
    package mutating func receive(
        _ bytes: ByteBuffer, now: Instant, prepare: Prepare, decide: Decide, sendAhead: SendAhead
    ) -> Directive {
        // What comes after our FIN can't be answered.
        guard state == .open || state == .draining, !inputEnded else { return .keep }
        lastActivity = now
        decoder.append(bytes)
        var completedFrame = false
        var takesMore = true
        // Of the frame that comes next.
        var prepared: PrefetchedVerify?
        while let event = decoder.next() {
            switch event {
            case .frame(let header):
                completedFrame = true
                if takesMore, output.readableBytes >= Self.worthSendingAhead {
                    takesMore = sendAhead(&output)
                    // So that the memory is used again from its beginning.
                    if takesMore { output.clear() }
                }
                let current = prepared
                prepared = decoder.withDataAhead(prepare)
                handle(header, current, now: now, decide: decide)
            case .oversized(let header):
                completedFrame = true
                prepared = nil
                refuseOversized(header)
            case .violation(let violation):
                return close(.violation(violation))
            }
        }
        if !decoder.isMidFrame {
            frameBegan = nil
        } else if completedFrame || frameBegan == nil {
            frameBegan = now
        }
        return .keep
    }

    /// A started call has its answer: the data of a response frame. Ignored if its deadline has passed, also where another call
    /// has its stream id by now.
    package mutating func answer(_ call: CallID, with data: [UInt8], now: Instant) -> Directive {
        guard state != .closed, inFlight[call.streamID]?.id == call else { return .keep }
        inFlight[call.streamID] = nil
        lastActivity = now
        output.writeFrame(.response, streamID: call.streamID, data: data)
        return closeIfFinished()
    }

    /// The peer sends nothing more.
    package mutating func endInput() -> Directive {
        guard state != .closed else { return .keep }
        inputEnded = true
        return closeIfFinished()
    }

    /// The server shuts down: finish what is in flight, start nothing new.
    package mutating func drain(now: Instant) {
        guard state == .open else { return }
        state = .draining
        lastActivity = now
    }

    /// The peer does not read, and enough answers wait for it: nothing more is read until ``unblockOutput(now:)``.
    package mutating func blockOutput(now: Instant) {
        blockedSince = blockedSince ?? now
    }

    /// The peer has read something, though not enough for ``unblockOutput(now:)``.
    package mutating func noteProgress(now: Instant) {
        if blockedSince != nil { blockedSince = now }
    }

    /// The peer reads again.
    package mutating func unblockOutput(now: Instant) {
        blockedSince = nil
        lastActivity = now
        // The rest of the frame could not come while we did not read.
        if frameBegan != nil { frameBegan = now }
    }

    /// The time at which ``timePassed(now:)`` is next worth calling.
    // Mutating, for otherwise the whole connection is copied to ask it, at each read.
    package var nextTimer: Instant {
        mutating get {
            guard state != .closed else { return .distantFuture }
            var next = earliestDeadline
            if let blockedSince {
                next = min(next, blockedSince.advanced(by: spans.write))
            } else if let frameBegan {
                next = min(next, frameBegan.advanced(by: spans.frame))
            } else if inFlight.isEmpty {
                next = min(next, lastActivity.advanced(by: quietTime))
            }
            return next
        }
    }

    /// Time went on: answers calls whose deadline has passed, and says what is to become of the connection.
    ///
    /// - Returns: The calls that were given up, for whoever works on them to stop.
    package mutating func timePassed(now: Instant) -> (expired: [CallID], directive: Directive) {
        guard state != .closed else { return ([], .keep) }
        let expired = expireCalls(now: now)
        if let blockedSince {
            if now >= blockedSince.advanced(by: spans.write) { return (expired, close(.notReading)) }
        } else if let frameBegan {
            if now >= frameBegan.advanced(by: spans.frame) { return (expired, close(.frameTimeout)) }
        } else if inFlight.isEmpty, now >= lastActivity.advanced(by: quietTime) {
            guard state == .draining else { return (expired, close(.idle)) }
            state = .halfClosed
            lastActivity = now
            return (expired, .halfClose)
        }
        return (expired, closeIfFinished())
    }

    // MARK: - Frames

    private mutating func handle(_ header: FrameHeader, _ prepared: PrefetchedVerify?, now: Instant, decide: Decide) {
        switch header.type {
        case .request: break
        case .data: return refuse(header.streamID, .unimplemented, "there are no streaming calls here")
        default: return
        }
        guard header.streamID.isOdd else {
            return refuse(header.streamID, .malformedRequest, "stream id \(header.streamID.rawValue) is even: clients use odd ones")
        }
        guard inFlight.isEmpty || inFlight[header.streamID] == nil else {
            return refuse(header.streamID, .malformedRequest, "stream id \(header.streamID.rawValue) is still in flight")
        }
        guard !header.isStreaming else {
            return refuse(header.streamID, .unimplemented, "there are no streaming calls here")
        }
        // Asked before, since the decoder is held while its frame is read.
        let isDraining = isDraining
        // A room of its own for each frame: what was another's can't be in it.
        var reply = EncodedResponse()
        switch decoder.withData({ data in decide(data, prepared, isDraining, &reply) }) {
        case .reply:
            output.writeFrame(.response, streamID: header.streamID, data: reply)
        case .answer(let data):
            output.writeFrame(.response, streamID: header.streamID, data: data)
        case .start(let call, let timeout):
            start(call, on: header.streamID, timeout: timeout, now: now)
        }
    }

    private mutating func start(_ call: Call, on streamID: StreamID, timeout: Duration?, now: Instant) {
        guard inFlight.count < limits.maximumCallsInFlight else {
            return refuse(
                streamID, .tooManyCalls,
                "\(limits.maximumCallsInFlight) calls of this connection are in flight, as server.max-calls-in-flight allows",
                retryAfter: .milliseconds(100))
        }
        let deadline = Deadline(now.advanced(by: min(timeout ?? limits.defaultCallTimeout, limits.maximumCallTimeout)))
        lastCallNumber += 1
        let id = CallID(streamID: streamID, number: lastCallNumber)
        inFlight[streamID] = (id, deadline)
        earliestDeadline = min(earliestDeadline, deadline.instant)
        started.append(StartedCall(id: id, call: call, deadline: deadline))
    }

    private mutating func refuseOversized(_ header: FrameHeader) {
        switch header.type {
        case .request: break
        case .data: return refuse(header.streamID, .unimplemented, "there are no streaming calls here")
        default: return
        }
        refuse(
            header.streamID, .frameTooLong,
            "a frame of \(header.length) bytes is longer than the \(limits.maximumFrameLength) that server.max-frame-length allows")
    }

    /// On a stream that is in flight this answers the second request of that id; the first one's answer still comes.
    private mutating func refuse(_ streamID: StreamID, _ failure: Failure, _ message: String, retryAfter: Duration? = nil) {
        refusals[failure, default: 0] += 1
        let answer = FailureAnswer(failure, message, retryAfter: retryAfter)
        output.writeFrame(.response, streamID: streamID, data: ResponseEncoder.encode(answer))
    }

    // MARK: - Time and the end

    private var quietTime: Nanoseconds {
        state == .draining ? spans.drainQuiet : spans.idle
    }

    private mutating func expireCalls(now: Instant) -> [CallID] {
        guard now >= earliestDeadline else { return [] }
        let expired = inFlight.values.filter { $0.deadline.hasPassed(at: now) }.map(\.id).sorted()
        for call in expired {
            inFlight[call.streamID] = nil
            refuse(call.streamID, .deadlineExceeded, "the deadline passed before there was an answer")
        }
        earliestDeadline = inFlight.values.map(\.deadline.instant).min() ?? .distantFuture
        if !expired.isEmpty { lastActivity = now }
        return expired
    }

    private mutating func closeIfFinished() -> Directive {
        inputEnded && inFlight.isEmpty ? close(.peerClosed) : .keep
    }

    private mutating func close(_ closing: Closing) -> Directive {
        state = .closed
        inFlight = [:]
        started = []
        return .close(closing)
    }
}
