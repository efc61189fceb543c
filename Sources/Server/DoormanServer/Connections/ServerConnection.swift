internal import DoormanCore
package import DoormanSupport
package import DoormanWire
package import NIOCore

/// A connection without its socket. It takes bytes and the time. It returns requests to decide, bytes to write, calls to start
/// and a directive for the socket. The handler performs them; tests, fuzzers and simulations drive the same type without a
/// socket.
///
/// A read:
///
///     connection.beginRead(bytes)
///     let end = connection.takeTurn(dispatcher, in: &context, limit: limit, flushEarly: write)
///     let directive = connection.endRead(now: now)
///
/// Unexpected events fall into three groups:
///
/// - A bug of this server is a `precondition` failure.
/// - A fault of the peer gets a failure response on its stream if the contract has one, and otherwise ends the connection.
/// - A harmless race, such as a result for a call whose deadline has passed, is ignored.
package struct ServerConnection {
    /// A request to decide. The decoder holds its data until the next frame.
    package struct Request {
        let streamID: StreamID
    }

    /// A frame of a read.
    package enum Frame {
        /// A request to decide.
        case request(Request)
        /// A frame that the connection has handled itself: ignored, or answered with a failure in the output.
        case handled
    }

    /// Identifies a call of a connection. A stream id does not: the client may reuse it after a response, while the work for the
    /// earlier call still runs.
    package struct CallID: Sendable, Hashable, Comparable {
        package let streamID: StreamID
        fileprivate let number: UInt64

        package static func < (lhs: CallID, rhs: CallID) -> Bool { lhs.number < rhs.number }
    }

    /// A started call, which ``answer(_:with:now:)`` completes.
    package struct StartedCall {
        package let id: CallID
        package let call: AsynchronousCall
        package let deadline: Deadline
        /// The time of the turn that read the request.
        package let began: Instant
    }

    /// The action on the socket after the output is written.
    package enum Directive: Sendable, Hashable {
        case keep
        /// Send FIN, and read until the peer closes.
        case halfClose
        case close(Closing)
    }

    /// The reason why a connection ends.
    package enum Closing: Sendable, Hashable {
        /// The peer closed its side, and all calls are answered.
        case peerClosed
        case violation(FrameDecoder.Violation)
        /// A frame exceeded ``ConnectionLimits/frameTimeout``.
        case frameTimeout
        /// The connection was idle for ``ConnectionLimits/idleTimeout``.
        case idle
        /// The peer read nothing for ``ConnectionLimits/writeTimeout``.
        case notReading
        /// The connection drained, and then the peer closed its side. Shutdown counts as ``peerClosed``.
        case drained(DrainCause)
        /// A caller without any permission made ``ServerConnection/maximumForbiddenCalls`` calls.
        case noPermission
    }

    /// The state of the connection. Only states that can have calls in flight hold them.
    private enum State {
        case open(InFlightCalls)
        /// Finishes the calls in flight. New calls get `DRAINING`, and do not count as activity: a busy peer would never be half-closed.
        /// The time is that of the drain's beginning, or of the last answer to an accepted call.
        case draining(InFlightCalls, since: Instant)
        /// The peer sent FIN. Finishes the calls in flight, then closes.
        case inputEnded(InFlightCalls)
        /// The server sent FIN. No call is in flight, and a request can't get a response any more.
        case halfClosed
        case closed
    }

    /// The event that the connection waits for, and since when.
    private enum Wait {
        /// A frame, or the result of a call.
        case frame(since: Instant)
        /// The rest of an incomplete frame.
        case restOfFrame(since: Instant)
        /// The peer, which must read before the server reads more from it.
        case peerToRead(since: Instant)
    }

    /// The timeouts that each read checks, converted so that a read needs no 128-bit division.
    private struct Timeouts {
        let write, frame, idle, drainQuiet: Nanoseconds

        init(_ limits: ConnectionLimits) {
            write = Nanoseconds(limits.writeTimeout)
            frame = Nanoseconds(limits.frameTimeout)
            idle = Nanoseconds(limits.idleTimeout)
            drainQuiet = Nanoseconds(limits.drainQuietPeriod)
        }
    }

    /// The minimum number of response bytes to write while more frames of the read wait.
    ///
    /// Without early writes, a peer that has all its calls on one connection gets the first response together with the last.
    /// Server and peer would then take turns instead of working at the same time.
    private static let earlyFlushThreshold = 4096
    /// The maximum number of forbidden calls of a caller without any permission. Then the connection is closed.
    package static let maximumForbiddenCalls = 10

    private let limits: ConnectionLimits
    private let lifetime: ConnectionLifetime
    private let timeouts: Timeouts
    private let counters: ServerCounters
    private let callerName: String?
    private var decoder: FrameDecoder
    private var state = State.open(InFlightCalls())
    private var wait: Wait
    private var output = ByteBuffer()
    private var started: [StartedCall] = []
    private var lastCallNumber: UInt64 = 0
    /// The last call that reads statistics. A connection has one at a time, since their responses are long.
    private var statisticsCall: CallID?
    /// The prefetched request of the decoder's current frame.
    private var prefetched: PrefetchedVerify?
    /// The prefetched request of the next frame.
    private var prefetchedNext: PrefetchedVerify?
    /// Whether this read completed a frame.
    private var hasEndedFrame = false
    /// The protocol violation of this read.
    private var violation: FrameDecoder.Violation?
    /// The reason why the connection drains or is half-closed.
    private var drainCause = DrainCause.shutdown
    /// The number of forbidden calls of a caller without any permission.
    private var forbiddenCalls = 0

    /// - Parameters:
    ///   - lifetime: The times at which the connection ends by itself; `nil` (the default) for none.
    ///   - counters: Counts the failures that the connection itself reports.
    ///   - callerName: The name of the caller in these; by default unknown.
    package init(
        limits: ConnectionLimits, lifetime: ConnectionLifetime? = nil, counters: ServerCounters, callerName: String? = nil,
        now: Instant
    ) {
        self.limits = limits
        self.lifetime = lifetime ?? ConnectionLifetime(since: now)
        self.timeouts = Timeouts(limits)
        self.counters = counters
        self.callerName = callerName
        self.decoder = FrameDecoder(maximumLength: limits.maximumFrameLength)
        self.wait = .frame(since: now)
    }

    /// The number of calls that are started and not answered.
    package var callsInFlight: Int {
        switch state {
        case .open(let calls), .draining(let calls, _), .inputEnded(let calls): calls.count
        case .halfClosed, .closed: 0
        }
    }

    /// The number of response bytes that wait to be written.
    var outputBytes: Int { output.readableBytes }

    /// Whether there are calls to start.
    package var hasStarted: Bool { !started.isEmpty }

    /// Whether new calls get `DRAINING`.
    // Mutating, here and below: a nonmutating getter would copy the whole connection on each read.
    package var isDraining: Bool {
        mutating get {
            if case .open = state { false } else { true }
        }
    }

    // MARK: - Output

    /// Takes the bytes to write; `nil` if there are none.
    package mutating func takeOutput() -> ByteBuffer? {
        guard output.readableBytes > 0 else { return nil }
        var taken = ByteBuffer()
        swap(&output, &taken)
        return taken
    }

    /// Takes a buffer for the next output, unless the connection has one. The connections of a loop share it, because only one of
    /// them has output at a time. So it stays in the processor's cache, and an idle connection holds none.
    package mutating func lendBuffer(_ buffer: inout ByteBuffer) {
        if output.capacity == 0 { swap(&output, &buffer) }
    }

    /// Returns the buffer, if the connection has one and all its bytes are written.
    package mutating func takeUnusedBuffer() -> ByteBuffer? {
        guard output.capacity > 0, output.readableBytes == 0 else { return nil }
        var taken = ByteBuffer()
        swap(&output, &taken)
        return taken
    }

    /// Takes the calls to start, in the order of their requests.
    package mutating func takeStarted() -> [StartedCall] {
        guard !started.isEmpty else { return [] }
        defer { started = [] }
        return started
    }

    // MARK: - Reading

    /// Drains if the connection's lifetime has ended. Called before each read: after a suspension of the machine, the timer is late.
    @inline(__always)
    package mutating func checkLifetime(now: Instant) {
        if now >= lifetime.end { drain(lifetime.cause(at: now), now: now) }
    }

    /// Begins a read of these bytes. ``nextFrame()`` returns its frames.
    package mutating func beginRead(_ bytes: ByteBuffer) {
        if isReading { decoder.append(bytes) }
    }

    /// Returns the next frame; `nil` if the bytes hold no complete one.
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
            failOversizedFrame(header)
            return .handled
        case .violation(let found):
            violation = found
            return nil
        }
    }

    /// Calls `body` with the data of the last request that ``nextFrame()`` returned, and with its prefetched form.
    @inline(__always)
    package mutating func withRequestData<Result>(_ body: (Span<UInt8>, PrefetchedVerify?) -> Result) -> Result {
        let prefetched = prefetched
        return decoder.withData { body($0, prefetched) }
    }

    /// Prefetches the cache entry for the frame after the request, if the bytes hold that frame.
    @inline(__always)
    package mutating func prefetchNext(_ prefetch: (Span<UInt8>) -> PrefetchedVerify?) {
        prefetchedNext = decoder.withDataAhead(prefetch)
    }

    /// Answers the request or starts its call.
    ///
    /// - Parameter cached: The response data for ``RequestDecision/cached``.
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

    /// Writes the output early if it is large enough, while more frames of the read wait.
    ///
    /// - Parameter write: Consumes as much as it can. Returns whether it consumed everything.
    /// - Returns: `false` if `write` left bytes. Do not call it again in this read.
    @inline(__always)
    package mutating func flushEarly(_ write: (inout ByteBuffer) -> Bool) -> Bool {
        guard output.readableBytes >= Self.earlyFlushThreshold else { return true }
        guard write(&output) else { return false }
        // Reuses the buffer from its beginning.
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

    /// Whether the connection reads requests. After the server's FIN it can't answer them; after the peer's FIN there are none.
    private var isReading: Bool {
        mutating get {
            switch state {
            case .open, .draining: true
            case .inputEnded, .halfClosed, .closed: false
            }
        }
    }

    // MARK: - Other events

    /// Answers a started call with a response frame's data. Ignored if the call's deadline has passed, even if a newer call uses
    /// its stream id.
    package mutating func answer(_ call: CallID, with response: EncodedResponse, now: Instant) -> Directive {
        guard changeCalls({ $0.remove(call) }) == true else { return .keep }
        noteActivity(now)
        output.writeFrame(.response, streamID: call.streamID, data: response)
        return closeIfFinished()
    }

    /// Notes that the peer sends nothing more.
    package mutating func endInput() -> Directive {
        switch state {
        case .open(let calls), .draining(let calls, _): state = .inputEnded(calls)
        case .halfClosed: return close(peerClosed)
        case .inputEnded, .closed: break
        }
        return closeIfFinished()
    }

    /// Ends a half-closed connection.
    ///
    /// - Returns: The reason; `nil` if the connection was not half-closed.
    package mutating func endHalfClosed() -> Closing? {
        guard case .halfClosed = state else { return nil }
        state = .closed
        return peerClosed
    }

    /// Begins draining: finishes the calls in flight and starts no new ones.
    package mutating func drain(_ cause: DrainCause = .shutdown, now: Instant) {
        guard case .open(let calls) = state else { return }
        drainCause = cause
        state = .draining(calls, since: now)
    }

    /// Whether a caller without any permission made so many forbidden calls, these included, that the connection ends.
    func hasTooMany(forbiddenCalls: Int) -> Bool {
        self.forbiddenCalls + forbiddenCalls >= Self.maximumForbiddenCalls
    }

    /// Notes forbidden calls of a caller without any permission.
    package mutating func note(forbiddenCalls: Int) -> Directive {
        self.forbiddenCalls += forbiddenCalls
        return hasTooMany(forbiddenCalls: 0) ? close(.noPermission) : .keep
    }

    /// Notes that too much output is unsent because the peer does not read. Read no more until ``unblockOutput(now:)``.
    package mutating func blockOutput(now: Instant) {
        if case .peerToRead = wait { return }
        wait = .peerToRead(since: now)
    }

    /// Notes that the peer has read some output, but too little for ``unblockOutput(now:)``.
    package mutating func noteProgress(now: Instant) {
        if case .peerToRead = wait { wait = .peerToRead(since: now) }
    }

    /// Notes that the peer reads again.
    package mutating func unblockOutput(now: Instant) {
        // The rest of a frame could not arrive while the server did not read.
        wait = decoder.isMidFrame ? .restOfFrame(since: now) : .frame(since: now)
    }

    // MARK: - Time

    /// The next time to call ``timePassed(now:)``.
    package var nextTimer: Instant {
        mutating get {
            switch state {
            case .closed: return .distantFuture
            case .halfClosed: return waitEnd(quiet: timeouts.idle)
            case .open(let calls):
                let quietEnd = waitEnd(quiet: calls.isEmpty ? timeouts.idle : nil)
                return min(min(calls.earliestDeadline, quietEnd), min(retirement(calls), lifetime.end))
            case .draining(let calls, let since):
                let quietEnd = calls.isEmpty && !isOutputBlocked ? since.advanced(by: timeouts.drainQuiet) : .distantFuture
                return min(calls.earliestDeadline, waitEnd(quiet: nil), quietEnd)
            case .inputEnded(let calls): return min(calls.earliestDeadline, waitEnd(quiet: nil))
            }
        }
    }

    /// Answers calls whose deadline has passed, and checks the connection's timeouts.
    ///
    /// - Returns: The expired calls, whose work must be cancelled, and the directive for the socket.
    package mutating func timePassed(now: Instant) -> (expired: [CallID], directive: Directive) {
        if case .closed = state { return ([], .keep) }
        checkLifetime(now: now)
        let expired = expireCalls(now: now)
        if case .open(let calls) = state, now >= retirement(calls) {
            drainCause = .maximumAge
            return (expired, halfClose(now))
        }
        if case .draining(let calls, let since) = state, calls.isEmpty, !isOutputBlocked,
            now >= since.advanced(by: timeouts.drainQuiet)
        {
            return (expired, halfClose(now))
        }
        switch wait {
        case .peerToRead(let since):
            if now >= since.advanced(by: timeouts.write) { return (expired, close(.notReading)) }
        case .restOfFrame(let since):
            if now >= since.advanced(by: timeouts.frame) { return (expired, close(.frameTimeout)) }
        case .frame(let since):
            switch state {
            case .open(let calls) where calls.isEmpty && now >= since.advanced(by: timeouts.idle):
                return (expired, close(.idle))
            case .halfClosed where now >= since.advanced(by: timeouts.idle):
                return (expired, close(.idle))
            default: break
            }
        }
        return (expired, closeIfFinished())
    }

    /// Returns the time at which the wait times out.
    ///
    /// - Parameter quiet: The maximum time without a frame; `nil` while a call is in flight.
    private func waitEnd(quiet: Nanoseconds?) -> Instant {
        switch wait {
        case .peerToRead(let since): since.advanced(by: timeouts.write)
        case .restOfFrame(let since): since.advanced(by: timeouts.frame)
        case .frame(let since): quiet.map { since.advanced(by: $0) } ?? .distantFuture
        }
    }

    /// Returns the time at which an aged connection is half-closed if nothing happens until then.
    private func retirement(_ calls: InFlightCalls) -> Instant {
        guard lifetime.retirement < .distantFuture, calls.isEmpty, case .frame(let since) = wait else { return .distantFuture }
        return max(lifetime.retirement, since.advanced(by: timeouts.drainQuiet))
    }

    /// Notes that an accepted call was answered.
    private mutating func noteActivity(_ now: Instant) {
        if case .frame = wait { wait = .frame(since: now) }
        if case .draining(let calls, _) = state { state = .draining(calls, since: now) }
    }

    /// Whether the peer must read before the server reads or ends anything.
    private var isOutputBlocked: Bool {
        if case .peerToRead = wait { true } else { false }
    }

    private mutating func expireCalls(now: Instant) -> [CallID] {
        guard let expired = changeCalls({ $0.removeExpired(at: now) }), !expired.isEmpty else { return [] }
        for call in expired {
            fail(call.id.streamID, .deadlineExceeded, "the deadline passed before the call finished", of: call.method)
        }
        noteActivity(now)
        return expired.map(\.id)
    }

    // MARK: - Frames

    /// Returns whether the frame is a request to decide. Otherwise answers it as the contract says.
    @inline(__always)
    private mutating func isRequest(_ header: FrameHeader) -> Bool {
        guard header.type == .request, header.streamID.isOdd, !header.isStreaming, !isInFlight(header.streamID) else {
            failFrame(header)
            return false
        }
        return true
    }

    @inline(__always)
    private func isInFlight(_ streamID: StreamID) -> Bool {
        switch state {
        case .open(let calls), .draining(let calls, _), .inputEnded(let calls): !calls.isEmpty && calls.contains(streamID)
        case .halfClosed, .closed: false
        }
    }

    private func isInFlight(_ call: CallID) -> Bool {
        switch state {
        case .open(let calls), .draining(let calls, _), .inputEnded(let calls): calls.contains(call)
        case .halfClosed, .closed: false
        }
    }

    private mutating func failFrame(_ header: FrameHeader) {
        if header.type == .data { return fail(header.streamID, .unimplemented, "the server does not support streaming calls") }
        guard header.type == .request else { return }
        guard header.streamID.isOdd else {
            return fail(header.streamID, .malformedRequest, "stream id \(header.streamID.rawValue) is even: use an odd one")
        }
        guard !isInFlight(header.streamID) else {
            return fail(
                header.streamID, .malformedRequest, "stream id \(header.streamID.rawValue) has a call in flight: use another")
        }
        fail(header.streamID, .unimplemented, "the server does not support streaming calls")
    }

    private mutating func failOversizedFrame(_ header: FrameHeader) {
        guard header.type == .request else { return failFrame(header) }
        fail(
            header.streamID, .frameTooLong,
            "a frame of \(header.length) bytes exceeds the limit of \(limits.maximumFrameLength) bytes (server.max-frame-length)")
    }

    /// Writes a failure response. On a stream with a call in flight it answers the second request of that id; the call still gets
    /// its own response.
    ///
    /// - Parameter method: `nil` for a frame whose method was not read.
    private mutating func fail(
        _ streamID: StreamID, _ failure: Failure, _ message: String, of method: Method? = nil, retryAfter: Duration? = nil
    ) {
        counters.countFailure(failure, of: method)
        let response = FailureResponse(failure, message, retryAfter: retryAfter)
        output.writeFrame(.response, streamID: streamID, data: ResponseEncoder.encode(response))
    }

    // MARK: - Calls and close

    private mutating func start(_ call: AsynchronousCall, on streamID: StreamID, timeout: Duration?, now: Instant) {
        guard callsInFlight < limits.maximumCallsInFlight else {
            counters.note(CallerEvent(caller: callerName, kind: .limitExceeded("server.max-calls-in-flight")))
            return fail(
                streamID, .tooManyCalls,
                "the connection reached its limit of \(limits.maximumCallsInFlight) calls in flight (server.max-calls-in-flight)",
                of: call.method, retryAfter: .milliseconds(100))
        }
        if case .statistics = call {
            guard !(statisticsCall.map { isInFlight($0) } ?? false) else {
                return fail(
                    streamID, .tooManyCalls, "the connection has a statistics call in flight: wait for its response",
                    of: .statistics, retryAfter: .milliseconds(100))
            }
        }
        let deadline = Deadline(now.advanced(by: min(timeout ?? limits.defaultCallTimeout, limits.maximumCallTimeout)))
        lastCallNumber += 1
        let id = CallID(streamID: streamID, number: lastCallNumber)
        guard changeCalls({ $0.insert(InFlightCalls.Call(id: id, method: call.method, deadline: deadline)) }) != nil else { return }
        if case .statistics = call { statisticsCall = id }
        started.append(StartedCall(id: id, call: call, deadline: deadline, began: now))
    }

    /// Changes the calls in flight of the current state.
    ///
    /// - Returns: `nil` in a state that has none.
    private mutating func changeCalls<Result>(_ change: (inout InFlightCalls) -> Result) -> Result? {
        switch state {
        case .open(var calls):
            // Clears the state first, so that the calls have one owner and change in place.
            state = .closed
            defer { state = .open(calls) }
            return change(&calls)
        case .draining(var calls, let since):
            state = .closed
            defer { state = .draining(calls, since: since) }
            return change(&calls)
        case .inputEnded(var calls):
            state = .closed
            defer { state = .inputEnded(calls) }
            return change(&calls)
        case .halfClosed, .closed: return nil
        }
    }

    private mutating func closeIfFinished() -> Directive {
        if case .inputEnded(let calls) = state, calls.isEmpty { close(peerClosed) } else { .keep }
    }

    /// The reason of a connection that the peer closes.
    private var peerClosed: Closing { drainCause == .shutdown ? .peerClosed : .drained(drainCause) }

    private mutating func halfClose(_ now: Instant) -> Directive {
        state = .halfClosed
        wait = .frame(since: now)
        forgetFrames()
        return .halfClose
    }

    private mutating func close(_ closing: Closing) -> Directive {
        state = .closed
        started = []
        forgetFrames()
        return .close(closing)
    }

    /// Drops the frames that wait for a turn. They get no response any more.
    private mutating func forgetFrames() {
        decoder = FrameDecoder(maximumLength: limits.maximumFrameLength)
        prefetchedNext = nil
    }
}
