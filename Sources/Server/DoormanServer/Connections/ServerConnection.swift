internal import DoormanCore
package import DoormanSupport
package import DoormanWire
package import NIOCore

/// One connection without its socket: bytes and the time go in; requests to decide, bytes to write, calls to start and what to do with
/// the socket come out. The handler performs; tests, fuzzers and simulators drive the same type with no socket at all.
///
/// A read goes like this:
///
///     connection.beginRead(bytes)
///     while let frame = connection.nextFrame() {
///         if case .request(let request) = frame { connection.apply(decision, to: request, cached: response, now: now) }
///     }
///     let directive = connection.endRead(now: now)
///
/// An event that can't happen is one of three things. Our own bug (answering a call that never began is not one, see below) is
/// a `precondition`. The peer's fault is answered on its stream where the contract has an answer for it, and otherwise ends
/// the connection. A harmless race, such as an answer for a call whose deadline has passed meanwhile, is ignored.
package struct ServerConnection {
    /// A request to decide: the data of the frame that the decoder is at.
    package struct Request {
        let streamID: StreamID
    }

    /// A frame of a read.
    package enum Frame {
        /// A request to decide.
        case request(Request)
        /// One that the contract refuses, or ignores, by itself: what it gets is in the output.
        case handled
    }

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
        package let call: AsynchronousCall
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

    /// How far the connection is. Only a state that may have calls in flight holds them.
    private enum State {
        case open(InFlightCalls)
        /// Finishes what is in flight; new calls are answered `DRAINING`.
        case draining(InFlightCalls)
        /// The peer sent FIN: finishes what is in flight, then closes.
        case inputEnded(InFlightCalls)
        /// We sent FIN: nothing is in flight, and nothing that comes can be answered.
        case halfClosed
        case closed
    }

    /// What the connection waits for, and since when.
    private enum Wait {
        /// A frame, or an answer to a call.
        case frame(since: Instant)
        /// The rest of a frame that has begun.
        case restOfFrame(since: Instant)
        /// The peer, which must read before anything more is read from it.
        case peerToRead(since: Instant)
    }

    /// The limits on time that each read looks at, in a form that takes no division of 128 bits.
    private struct Timeouts {
        let write, frame, idle, drainQuiet: Nanoseconds

        init(_ limits: ConnectionLimits) {
            write = Nanoseconds(limits.writeTimeout)
            frame = Nanoseconds(limits.frameTimeout)
            idle = Nanoseconds(limits.idleTimeout)
            drainQuiet = Nanoseconds(limits.drainQuietPeriod)
        }
    }

    /// So many bytes of responses are worth a write of their own while more frames wait. Otherwise a peer that has all its calls in
    /// flight on one connection gets the first response with the last, and the server its next calls after that: the two work by turns.
    private static let worthSendingEarly = 4096

    private let limits: ConnectionLimits
    private let timeouts: Timeouts
    private let counters: ServerCounters
    private var decoder: FrameDecoder
    private var state = State.open(InFlightCalls())
    private var wait: Wait
    private var output = ByteBuffer()
    private var started: [StartedCall] = []
    private var lastCallNumber: UInt64 = 0
    /// What was prefetched of the frame that the decoder is at.
    private var prefetched: PrefetchedVerify?
    /// The same of the frame that comes next.
    private var prefetchedNext: PrefetchedVerify?
    /// Whether this read ended a frame.
    private var hasEndedFrame = false
    /// Of this read.
    private var violation: FrameDecoder.Violation?

    /// - Parameter counters: Counts what the connection refuses by itself.
    package init(limits: ConnectionLimits, counters: ServerCounters, now: Instant) {
        self.limits = limits
        self.timeouts = Timeouts(limits)
        self.counters = counters
        self.decoder = FrameDecoder(maximumLength: limits.maximumFrameLength)
        self.wait = .frame(since: now)
    }

    /// Calls that were started and not answered.
    package var callsInFlight: Int {
        switch state {
        case .open(let calls), .draining(let calls), .inputEnded(let calls): calls.count
        case .halfClosed, .closed: 0
        }
    }

    /// Whether there are calls to start.
    package var hasStarted: Bool { !started.isEmpty }

    /// Whether new calls are answered `DRAINING`.
    // Mutating, here and below, for otherwise the whole connection is copied to ask it, at each read.
    package var isDraining: Bool {
        mutating get {
            if case .open = state { false } else { true }
        }
    }

    // MARK: - Output

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

    // MARK: - A read

    /// Takes the bytes of a read. Its frames are then had by ``nextFrame()``.
    package mutating func beginRead(_ bytes: ByteBuffer) {
        if isReading { decoder.append(bytes) }
    }

    /// The next frame, if the bytes hold a whole one.
    package mutating func nextFrame() -> Frame? {
        guard violation == nil, let event = decoder.next() else { return nil }
        prefetched = prefetchedNext
        prefetchedNext = nil
        switch event {
        case .frame(let header):
            hasEndedFrame = true
            return isRequest(header) ? .request(Request(streamID: header.streamID)) : .handled
        case .oversized(let header):
            hasEndedFrame = true
            refuseOversized(header)
            return .handled
        case .violation(let found):
            violation = found
            return nil
        }
    }

    /// Gives `body` the data of the request that ``nextFrame()`` returned last, and what was prefetched of this very frame.
    @inline(__always)
    package mutating func withRequestData<Result>(_ body: (Span<UInt8>, PrefetchedVerify?) -> Result) -> Result {
        let prefetched = prefetched
        return decoder.withData { body($0, prefetched) }
    }

    /// Has the frame after the request looked at, if it is here: what it needs of the cache is on its way by the time of its turn.
    @inline(__always)
    package mutating func prefetchNext(_ prefetch: (Span<UInt8>) -> PrefetchedVerify?) {
        prefetchedNext = decoder.withDataAhead(prefetch)
    }

    /// Answers the request, or starts its call.
    ///
    /// - Parameter cached: The response of ``RequestDecision/cached``.
    @inline(__always)
    package mutating func apply(
        _ decision: RequestDecision, to request: Request, cached: EncodedResponse, now: Instant
    ) {
        switch decision {
        case .cached: output.writeFrame(.response, streamID: request.streamID, data: cached)
        case .immediate(let data): output.writeFrame(.response, streamID: request.streamID, data: data)
        case .asynchronous(let call, let timeout): start(call, on: request.streamID, timeout: timeout, now: now)
        }
    }

    /// Lets `write` take what it can of the output, if that is worth a write of its own while more frames of the read wait.
    ///
    /// - Parameter write: Returns whether it took everything.
    /// - Returns: False if `write` did not, and need not be tried again in this read.
    @inline(__always)
    package mutating func flushEarly(_ write: (inout ByteBuffer) -> Bool) -> Bool {
        guard output.readableBytes >= Self.worthSendingEarly else { return true }
        guard write(&output) else { return false }
        // So that the memory is used again from its beginning.
        output.clear()
        return true
    }

    /// Ends the read.
    package mutating func endRead(now: Instant) -> Directive {
        guard isReading else { return .keep }
        if let violation { return close(.violation(violation)) }
        switch wait {
        case .peerToRead: break
        case .restOfFrame where decoder.isMidFrame && !hasEndedFrame: break
        case .frame, .restOfFrame: wait = decoder.isMidFrame ? .restOfFrame(since: now) : .frame(since: now)
        }
        hasEndedFrame = false
        return .keep
    }

    /// Whether requests are read. What comes after our FIN can't be answered, and after the peer's there is nothing.
    private var isReading: Bool {
        mutating get {
            switch state {
            case .open, .draining: true
            case .inputEnded, .halfClosed, .closed: false
            }
        }
    }

    // MARK: - Other events

    /// Answers a started call with the data of a response frame. Ignored if its deadline has passed, also where another call
    /// has its stream id by now.
    package mutating func answer(_ call: CallID, with response: EncodedResponse, now: Instant) -> Directive {
        guard changeCalls({ $0.remove(call) }) == true else { return .keep }
        noteActivity(now)
        output.writeFrame(.response, streamID: call.streamID, data: response)
        return closeIfFinished()
    }

    /// The peer sends nothing more.
    package mutating func endInput() -> Directive {
        switch state {
        case .open(let calls), .draining(let calls): state = .inputEnded(calls)
        case .halfClosed: return close(.peerClosed)
        case .inputEnded, .closed: break
        }
        return closeIfFinished()
    }

    /// The server shuts down: finish what is in flight, start nothing new.
    package mutating func drain(now: Instant) {
        guard case .open(let calls) = state else { return }
        state = .draining(calls)
        noteActivity(now)
    }

    /// The peer does not read, and enough output waits for it: nothing more is read until ``unblockOutput(now:)``.
    package mutating func blockOutput(now: Instant) {
        if case .peerToRead = wait { return }
        wait = .peerToRead(since: now)
    }

    /// The peer has read something, though not enough for ``unblockOutput(now:)``.
    package mutating func noteProgress(now: Instant) {
        if case .peerToRead = wait { wait = .peerToRead(since: now) }
    }

    /// The peer reads again.
    package mutating func unblockOutput(now: Instant) {
        // The rest of a frame could not come while nothing was read.
        wait = decoder.isMidFrame ? .restOfFrame(since: now) : .frame(since: now)
    }

    // MARK: - Time

    /// The time at which ``timePassed(now:)`` is next worth calling.
    package var nextTimer: Instant {
        mutating get {
            switch state {
            case .closed: return .distantFuture
            case .halfClosed: return waitEnd(quiet: timeouts.idle)
            case .open(let calls): return min(calls.earliestDeadline, waitEnd(quiet: calls.isEmpty ? timeouts.idle : nil))
            case .draining(let calls):
                return min(calls.earliestDeadline, waitEnd(quiet: calls.isEmpty ? timeouts.drainQuiet : nil))
            case .inputEnded(let calls): return min(calls.earliestDeadline, waitEnd(quiet: nil))
            }
        }
    }

    /// Answers calls whose deadline has passed, and says what becomes of the connection.
    ///
    /// - Returns: The calls that were given up, for whatever works on them to stop.
    package mutating func timePassed(now: Instant) -> (expired: [CallID], directive: Directive) {
        if case .closed = state { return ([], .keep) }
        let expired = expireCalls(now: now)
        switch wait {
        case .peerToRead(let since):
            if now >= since.advanced(by: timeouts.write) { return (expired, close(.notReading)) }
        case .restOfFrame(let since):
            if now >= since.advanced(by: timeouts.frame) { return (expired, close(.frameTimeout)) }
        case .frame(let since):
            switch state {
            case .draining(let calls) where calls.isEmpty && now >= since.advanced(by: timeouts.drainQuiet):
                state = .halfClosed
                wait = .frame(since: now)
                return (expired, .halfClose)
            case .open(let calls) where calls.isEmpty && now >= since.advanced(by: timeouts.idle):
                return (expired, close(.idle))
            case .halfClosed where now >= since.advanced(by: timeouts.idle):
                return (expired, close(.idle))
            default: break
            }
        }
        return (expired, closeIfFinished())
    }

    /// When the wait has lasted too long.
    ///
    /// - Parameter quiet: How long nothing may come; `nil` while a call is in flight.
    private func waitEnd(quiet: Nanoseconds?) -> Instant {
        switch wait {
        case .peerToRead(let since): since.advanced(by: timeouts.write)
        case .restOfFrame(let since): since.advanced(by: timeouts.frame)
        case .frame(let since): quiet.map { since.advanced(by: $0) } ?? .distantFuture
        }
    }

    private mutating func noteActivity(_ now: Instant) {
        if case .frame = wait { wait = .frame(since: now) }
    }

    private mutating func expireCalls(now: Instant) -> [CallID] {
        guard let expired = changeCalls({ $0.removeExpired(at: now) }), !expired.isEmpty else { return [] }
        for call in expired { refuse(call.streamID, .deadlineExceeded, "the deadline passed before there was an answer") }
        noteActivity(now)
        return expired
    }

    // MARK: - Frames

    /// Whether the frame is a request to decide. Answers it if the contract says so of what is not.
    @inline(__always)
    private mutating func isRequest(_ header: FrameHeader) -> Bool {
        guard header.type == .request, header.streamID.isOdd, !header.isStreaming, !isInFlight(header.streamID) else {
            refuseFrame(header)
            return false
        }
        return true
    }

    @inline(__always)
    private func isInFlight(_ streamID: StreamID) -> Bool {
        switch state {
        case .open(let calls), .draining(let calls), .inputEnded(let calls): !calls.isEmpty && calls.contains(streamID)
        case .halfClosed, .closed: false
        }
    }

    private mutating func refuseFrame(_ header: FrameHeader) {
        if header.type == .data { return refuse(header.streamID, .unimplemented, "there are no streaming calls here") }
        guard header.type == .request else { return }
        guard header.streamID.isOdd else {
            return refuse(header.streamID, .malformedRequest, "stream id \(header.streamID.rawValue) is even: clients use odd ones")
        }
        guard !isInFlight(header.streamID) else {
            return refuse(header.streamID, .malformedRequest, "stream id \(header.streamID.rawValue) is still in flight")
        }
        refuse(header.streamID, .unimplemented, "there are no streaming calls here")
    }

    private mutating func refuseOversized(_ header: FrameHeader) {
        guard header.type == .request else { return refuseFrame(header) }
        refuse(
            header.streamID, .frameTooLong,
            "a frame of \(header.length) bytes is longer than the \(limits.maximumFrameLength) that server.max-frame-length allows")
    }

    /// On a stream that is in flight this answers the second request of that id; the first one's answer still comes.
    private mutating func refuse(_ streamID: StreamID, _ failure: Failure, _ message: String, retryAfter: Duration? = nil) {
        counters.countFailure(failure)
        let answer = FailureResponse(failure, message, retryAfter: retryAfter)
        output.writeFrame(.response, streamID: streamID, data: ResponseEncoder.encode(answer))
    }

    // MARK: - Calls, and the end

    private mutating func start(_ call: AsynchronousCall, on streamID: StreamID, timeout: Duration?, now: Instant) {
        guard callsInFlight < limits.maximumCallsInFlight else {
            return refuse(
                streamID, .tooManyCalls,
                "\(limits.maximumCallsInFlight) calls of this connection are in flight, as server.max-calls-in-flight allows",
                retryAfter: .milliseconds(100))
        }
        let deadline = Deadline(now.advanced(by: min(timeout ?? limits.defaultCallTimeout, limits.maximumCallTimeout)))
        lastCallNumber += 1
        let id = CallID(streamID: streamID, number: lastCallNumber)
        guard changeCalls({ $0.insert(id, deadline: deadline) }) != nil else { return }
        started.append(StartedCall(id: id, call: call, deadline: deadline))
    }

    /// Changes the calls in flight in their state.
    ///
    /// - Returns: `nil` in a state that has none.
    private mutating func changeCalls<Result>(_ change: (inout InFlightCalls) -> Result) -> Result? {
        switch state {
        case .open(var calls):
            // So that the calls are in one place, and changed there.
            state = .closed
            defer { state = .open(calls) }
            return change(&calls)
        case .draining(var calls):
            state = .closed
            defer { state = .draining(calls) }
            return change(&calls)
        case .inputEnded(var calls):
            state = .closed
            defer { state = .inputEnded(calls) }
            return change(&calls)
        case .halfClosed, .closed: return nil
        }
    }

    private mutating func closeIfFinished() -> Directive {
        if case .inputEnded(let calls) = state, calls.isEmpty { close(.peerClosed) } else { .keep }
    }

    private mutating func close(_ closing: Closing) -> Directive {
        state = .closed
        started = []
        return .close(closing)
    }
}

/// The calls of a connection that were started and not answered.
private struct InFlightCalls {
    private var calls: [StreamID: (id: ServerConnection.CallID, deadline: Deadline)] = [:]
    /// No later than the earliest deadline.
    private(set) var earliestDeadline = Instant.distantFuture

    var count: Int { calls.count }
    var isEmpty: Bool { calls.isEmpty }

    func contains(_ streamID: StreamID) -> Bool { calls[streamID] != nil }

    mutating func insert(_ call: ServerConnection.CallID, deadline: Deadline) {
        calls[call.streamID] = (call, deadline)
        earliestDeadline = min(earliestDeadline, deadline.instant)
    }

    /// - Returns: Whether the call was here.
    mutating func remove(_ call: ServerConnection.CallID) -> Bool {
        guard calls[call.streamID]?.id == call else { return false }
        calls[call.streamID] = nil
        return true
    }

    /// Removes the calls whose deadline has passed, and returns them in the order in which they were started.
    mutating func removeExpired(at now: Instant) -> [ServerConnection.CallID] {
        guard now >= earliestDeadline else { return [] }
        let expired = calls.values.filter { $0.deadline.hasPassed(at: now) }.map(\.id).sorted()
        for call in expired { calls[call.streamID] = nil }
        earliestDeadline = calls.values.map(\.deadline.instant).min() ?? .distantFuture
        return expired
    }
}
