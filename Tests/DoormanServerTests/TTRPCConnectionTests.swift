import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit
import Testing

/// Tests the connection without a socket: bytes and times in, frames and directives out.
@Suite("The connection state machine")
struct ServerConnectionTests {
    private let clock = SteppedClock()
    private let counters = ServerCounters()

    private func makeConnection(_ change: (inout ConnectionLimits) -> Void = { _ in }) -> TTRPCConnection {
        var limits = ConnectionLimits()
        change(&limits)
        return TTRPCConnection(ConnectionState(limits: limits, counters: counters, callerName: "uid:7", now: clock.now))
    }

    /// Sends `requests` and starts a call for each.
    private func receive(
        _ bytes: [UInt8], _ connection: inout TTRPCConnection, timeout: Duration? = nil
    ) -> ConnectionDirective {
        connection.read(bytes, now: clock.now) { _ in
            let token = Token("t")
            return .asynchronous(.verify(VerifyCall(validated: token, key: TokenKey(words: (0, 0)))), timeout: timeout)
        }
    }

    /// Completes the call with this stream id.
    private func complete(
        _ calls: [StartedCall], _ streamID: UInt32, _ connection: inout TTRPCConnection,
        with data: [UInt8] = [0x12, 0]
    ) throws -> ConnectionDirective {
        let call = try #require(calls.last { $0.id.streamID.rawValue == streamID })
        return connection.answer(call.id, with: EncodedResponse(bytes: data), now: clock.now)
    }

    private func request(_ streamID: UInt32, type: UInt8 = 1, flags: UInt8 = 0, length: Int = 3) -> [UInt8] {
        RawFrame(streamID: streamID, type: type, flags: flags, data: Array(repeating: 7, count: length)).bytes
    }

    @Test("immediate responses of a read leave in one output")
    func immediateResponses() {
        var connection = makeConnection()
        let directive = connection.read(request(1) + request(3), now: clock.now) { output in
            Issue.record("\(output.readableBytes) bytes are too few for an early write")
            return false
        } decide: { data in
            #expect(data.count == 3)
            return .immediate([0x12, 0])
        }
        let isDraining = connection.isDraining
        #expect(!isDraining)
        #expect(directive == .keep)
        #expect(frames(in: connection.takeOutput()).map(\.streamID) == [1, 3])
        #expect(connection.takeOutput() == nil)
    }

    /// Sends ten requests in one read, each with a response of 1,014 bytes, and the beginning of an eleventh.
    private func receiveTen(_ connection: inout TTRPCConnection, sendEarly: (inout ByteBuffer) -> Bool) {
        let requests = (0..<10).flatMap { request($0 * 2 + 1) } + request(21).prefix(5)
        let directive = connection.read(requests, now: clock.now, sendEarly: sendEarly) { _ in
            .immediate(Array(repeating: 5, count: 1014 - FrameHeader.byteCount))
        }
        #expect(directive == .keep)
    }

    @Test("large output leaves early while more frames of the read wait")
    func earlyWrite() {
        var connection = makeConnection()
        var early: [ByteBuffer] = []
        receiveTen(&connection) { output in
            early.append(output)
            output.moveReaderIndex(to: output.writerIndex)
            return true
        }
        #expect(early.map { frames(in: $0).map(\.streamID) } == [[1, 3, 5, 7, 9]])
        #expect(frames(in: connection.takeOutput()).map(\.streamID) == [11, 13, 15, 17, 19])
    }

    @Test("failure responses leave early")
    func earlyFailures() {
        var connection = makeConnection()
        var early: [ByteBuffer] = []
        // Data frames of streaming calls, each of which gets a failure.
        let bytes = (0..<400).flatMap { request($0 * 2 + 1, type: 3, length: 0) }
        let directive = connection.read(bytes, now: clock.now) { output in
            early.append(output)
            output.moveReaderIndex(to: output.writerIndex)
            return true
        } decide: { _ in
            Issue.record("the read contains no request")
            return .immediate([])
        }
        #expect(directive == .keep)
        #expect(early.count > 2)
        #expect(early.allSatisfy { $0.readableBytes < 4096 + 200 })
        let sent = early.flatMap { frames(in: $0) } + frames(in: connection.takeOutput())
        #expect(sent.map(\.streamID) == (0..<400).map { $0 * 2 + 1 })
    }

    @Test("a partial early write keeps the rest in order")
    func partialEarlyWrite() {
        var connection = makeConnection()
        var sent = ByteBuffer()
        var attempts = 0
        receiveTen(&connection) { output in
            attempts += 1
            // In the middle of the second frame.
            sent = output.readSlice(length: 1500) ?? ByteBuffer()
            return false
        }
        #expect(attempts == 1)
        sent.writeImmutableBuffer(connection.takeOutput() ?? ByteBuffer())
        #expect(frames(in: sent).map(\.streamID) == (0..<10).map { $0 * 2 + 1 })
    }

    @Test("a connection returns its buffer when everything is written")
    func unusedBuffer() {
        var connection = makeConnection()
        var lent = ByteBuffer(repeating: 0, count: 8192)
        lent.clear()
        connection.lendBuffer(&lent)
        #expect(lent.capacity == 0)
        #expect(connection.takeUnusedBuffer().map { $0.capacity >= 8192 } == true)
        #expect(connection.takeUnusedBuffer() == nil)
        receiveTen(&connection) { _ in false }
        #expect(connection.takeUnusedBuffer() == nil, "it holds responses")
    }

    @Test("calls can complete in any order")
    func anyOrder() throws {
        var connection = makeConnection()
        _ = receive(request(1) + request(3) + request(5), &connection)
        let calls = connection.takeStarted()
        #expect(calls.map(\.id.streamID.rawValue) == [1, 3, 5])
        for id in [5, 1, 3] as [UInt32] { #expect(try complete(calls, id, &connection, with: [UInt8(id)]) == .keep) }
        #expect(frames(in: connection.takeOutput()).map(\.streamID) == [5, 1, 3])
        #expect(connection.callsInFlight == 0)
    }

    @Test(
        "a frame that can't begin a call fails on its stream",
        arguments: [
            (2, 1, 0, Failure.malformedRequest), (0, 1, 0, .malformedRequest), (1, 3, 0, .unimplemented), (1, 1, 1, .unimplemented),
            (1, 1, 2, .unimplemented), (1, 1, 4, .unimplemented),
        ] as [(UInt32, UInt8, UInt8, Failure)])
    func invalidFrames(streamID: UInt32, type: UInt8, flags: UInt8, failure: Failure) throws {
        var connection = makeConnection()
        #expect(receive(request(streamID, type: type, flags: flags) + request(99), &connection) == .keep)
        let responses = frames(in: connection.takeOutput())
        #expect(responses.map(\.streamID) == [streamID])
        #expect(responses.first?.failure == failure)
        #expect(connection.takeStarted().map(\.id.streamID.rawValue) == [99])
    }

    @Test("frames of unknown types are skipped", arguments: [0, 2, 4, 9, 255] as [UInt8])
    func unknownTypes(type: UInt8) {
        var connection = makeConnection()
        #expect(receive(request(1, type: type) + request(3), &connection) == .keep)
        #expect(connection.takeOutput() == nil)
        #expect(connection.takeStarted().map(\.id.streamID.rawValue) == [3])
    }

    @Test("a request on a stream in flight fails without ending the first call")
    func repeatedStreamID() throws {
        var connection = makeConnection()
        _ = receive(request(7) + request(7), &connection)
        let calls = connection.takeStarted()
        #expect(calls.count == 1)
        #expect(frames(in: connection.takeOutput()).map(\.failure) == [.malformedRequest])
        _ = try complete(calls, 7, &connection)
        #expect(frames(in: connection.takeOutput()).map(\.data) == [[0x12, 0]])
        // The id is free after the response.
        _ = receive(request(7), &connection)
        #expect(connection.takeStarted().count == 1)
    }

    @Test("a call above the limit fails with the setting's name")
    func callLimit() throws {
        var connection = makeConnection { $0.maximumCallsInFlight = 2 }
        _ = receive(request(1) + request(3) + request(5), &connection)
        let calls = connection.takeStarted()
        #expect(calls.count == 2)
        let response = try #require(frames(in: connection.takeOutput()).first)
        #expect(response.streamID == 5)
        #expect(response.failure == .tooManyCalls)
        #expect(response.status?.message.contains("server.max-calls-in-flight") == true)
        #expect(
            counters.takeCallerEvents().counts == [
                CallerEvent(caller: "uid:7", kind: .limitExceeded("server.max-calls-in-flight")): 1
            ])
        #expect(response.status?.retryAfter == .milliseconds(100))
        _ = try complete(calls, 1, &connection)
        _ = receive(request(5), &connection)
        #expect(connection.takeStarted().count == 1)
    }

    @Test("a frame above the length limit gets a failure response")
    func oversizedFrame() throws {
        var connection = makeConnection { $0.maximumFrameLength = 100 }
        let bytes = request(1, length: 101) + request(3, length: 100)
        for byte in bytes { _ = receive([byte], &connection) }
        let response = try #require(frames(in: connection.takeOutput()).first)
        #expect(response.streamID == 1)
        #expect(response.failure == .frameTooLong)
        #expect(response.status?.message.contains("101") == true)
        #expect(response.status?.message.contains("server.max-frame-length") == true)
        #expect(connection.takeStarted().map(\.id.streamID.rawValue) == [3])
    }

    @Test("an oversized frame of a streaming call fails like a short one")
    func oversizedStreaming() {
        var connection = makeConnection { $0.maximumFrameLength = 100 }
        _ = receive(request(1, type: 3, length: 101) + request(3, length: 101) + request(5, type: 9, length: 101), &connection)
        #expect(frames(in: connection.takeOutput()).map(\.failure) == [.unimplemented, .frameTooLong])
        #expect(
            counters.snapshot.calls == [
                .init(.ttrpc, nil, from: .server, .unimplemented): 1, .init(.ttrpc, nil, from: .server, .frameTooLong): 1,
            ])
    }

    @Test("a first byte that is not ttrpc closes the connection")
    func notTTRPC() {
        var http = makeConnection()
        #expect(receive(Array("G".utf8), &http) == .close(.violation(.notTTRPC(firstByte: UInt8(ascii: "G")))))
        #expect(receive(request(1), &http) == .keep)
        #expect(http.takeOutput() == nil)
    }

    @Test("a frame length above 4 MiB closes the connection")
    func frameTooLong() {
        var long = makeConnection()
        #expect(receive([0, 0x40, 0, 1], &long) == .close(.violation(.frameTooLong(length: 0x40_0001))))
    }

    @Test("a call fails when its deadline passes")
    func callDeadlines() throws {
        var connection = makeConnection { $0.defaultCallTimeout = .seconds(2) }
        _ = receive(request(1), &connection)
        _ = receive(request(3), &connection, timeout: .milliseconds(500))
        let calls = connection.takeStarted()
        #expect(connection.nextTimer == clock.now.advanced(by: .milliseconds(500)))
        clock.advance(by: .milliseconds(500))
        var passed = connection.timePassed(now: clock.now)
        #expect(passed.expired.map(\.streamID.rawValue) == [3])
        #expect(frames(in: connection.takeOutput()).map(\.failure) == [.deadlineExceeded])
        #expect(try complete(calls, 3, &connection) == .keep)
        #expect(connection.takeOutput() == nil)
        clock.advance(by: .milliseconds(1500))
        passed = connection.timePassed(now: clock.now)
        #expect(passed.expired.map(\.streamID.rawValue) == [1])
        #expect(connection.callsInFlight == 0)
    }

    @Test("a late result never goes to a newer call with the same stream id")
    func reusedStreamID() throws {
        var connection = makeConnection()
        _ = receive(request(1), &connection, timeout: .milliseconds(1))
        let late = connection.takeStarted()
        clock.advance(by: .milliseconds(1))
        #expect(connection.timePassed(now: clock.now).expired == late.map(\.id))
        _ = connection.takeOutput()
        _ = receive(request(1), &connection)
        let current = connection.takeStarted()
        #expect(try complete(late, 1, &connection, with: [0x12, 1, 7]) == .keep)
        #expect(connection.takeOutput() == nil)
        _ = try complete(current, 1, &connection)
        #expect(frames(in: connection.takeOutput()).map(\.data) == [[0x12, 0]])
    }

    @Test("a long timeout is shortened to the maximum")
    func maximumTimeout() throws {
        var connection = makeConnection { $0.maximumCallTimeout = .seconds(30) }
        _ = receive(request(1), &connection, timeout: .seconds(1_000_000))
        let started = try #require(connection.takeStarted().first)
        #expect(started.deadline == Deadline(clock.now.advanced(by: .seconds(30))))
    }

    @Test("the frame timeout counts from the first byte of an incomplete frame")
    func frameTimeout() {
        var connection = makeConnection { $0.frameTimeout = .seconds(10) }
        let bytes = request(1, length: 50)
        for byte in bytes.prefix(9) {
            #expect(receive([byte], &connection) == .keep)
            clock.advance(by: .seconds(1))
            #expect(connection.timePassed(now: clock.now).directive == .keep)
        }
        clock.advance(by: .seconds(1))
        #expect(connection.timePassed(now: clock.now).directive == .close(.frameTimeout))
    }

    @Test("each frame has its own timeout")
    func frameTimeoutPerFrame() {
        var connection = makeConnection { $0.frameTimeout = .seconds(10) }
        let frame = request(1)
        _ = receive(Array(frame.prefix(5)), &connection)
        clock.advance(by: .seconds(9))
        _ = receive(Array(frame.dropFirst(5)) + Array(request(3).prefix(4)), &connection)
        clock.advance(by: .seconds(9))
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        clock.advance(by: .seconds(1))
        #expect(connection.timePassed(now: clock.now).directive == .close(.frameTimeout))
    }

    @Test("a connection without frames or calls closes after the idle timeout")
    func idle() throws {
        var connection = makeConnection {
            $0.idleTimeout = .seconds(60)
            $0.defaultCallTimeout = .seconds(100)
            $0.maximumCallTimeout = .seconds(100)
        }
        _ = receive(request(1), &connection)
        clock.advance(by: .seconds(80))
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        _ = try complete(connection.takeStarted(), 1, &connection)
        clock.advance(by: .seconds(59))
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        clock.advance(by: .seconds(1))
        #expect(connection.timePassed(now: clock.now).directive == .close(.idle))
    }

    @Test("a client that makes no progress in reading is closed after the write timeout")
    func notReading() {
        var connection = makeConnection {
            $0.writeTimeout = .seconds(10)
            $0.frameTimeout = .seconds(2)
        }
        _ = receive(Array(request(1).prefix(5)), &connection)
        connection.blockOutput(now: clock.now)
        clock.advance(by: .seconds(9))
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        connection.unblockOutput(now: clock.now)
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        connection.blockOutput(now: clock.now)
        clock.advance(by: .seconds(9))
        // A client that reads slowly makes progress.
        connection.noteProgress(now: clock.now)
        clock.advance(by: .seconds(9))
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        clock.advance(by: .seconds(1))
        #expect(connection.timePassed(now: clock.now).directive == .close(.notReading))
    }

    @Test("a half-closed connection closes after its last response")
    func peerEndsItsSide() throws {
        var connection = makeConnection()
        _ = receive(request(1), &connection)
        #expect(connection.endInput() == .keep)
        #expect(try complete(connection.takeStarted(), 1, &connection) == .close(.peerClosed))
        #expect(frames(in: connection.takeOutput()).count == 1)
        var idle = makeConnection()
        #expect(idle.endInput() == .close(.peerClosed))
    }

    @Test("a draining connection half-closes after a quiet period")
    func drains() throws {
        var connection = makeConnection { $0.drainQuietPeriod = .milliseconds(500) }
        _ = receive(request(1), &connection)
        let calls = connection.takeStarted()
        connection.drain(now: clock.now)
        clock.advance(by: .milliseconds(600))
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        let isDraining = connection.isDraining
        #expect(isDraining)
        _ = connection.read(request(3), now: clock.now) { _ in .immediate([1]) }
        _ = try complete(calls, 1, &connection)
        #expect(frames(in: connection.takeOutput()).map(\.streamID) == [3, 1])
        clock.advance(by: .milliseconds(499))
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        clock.advance(by: .milliseconds(1))
        #expect(connection.timePassed(now: clock.now).directive == .halfClose)
        _ = receive(request(5), &connection)
        #expect(connection.takeStarted().isEmpty)
        #expect(connection.takeOutput() == nil)
        #expect(connection.endInput() == .close(.peerClosed))
    }

    @Test("a draining connection half-closes while a busy peer goes on calling")
    func drainsBusyPeer() throws {
        var connection = makeConnection { $0.drainQuietPeriod = .milliseconds(500) }
        _ = receive(request(1), &connection)
        let calls = connection.takeStarted()
        connection.drain(now: clock.now)
        _ = try complete(calls, 1, &connection)
        for number in 0..<50 {
            #expect(connection.timePassed(now: clock.now).directive == .keep)
            _ = connection.read(request(UInt32(3 + 2 * number)), now: clock.now) { _ in .immediate([1]) }
            // The beginning of a frame does not count either.
            if number % 2 == 0 { _ = connection.read(Array(request(5).prefix(7)), now: clock.now) { _ in .immediate([1]) } }
            if number % 2 == 0 { _ = connection.read(Array(request(5).dropFirst(7)), now: clock.now) { _ in .immediate([1]) } }
            clock.advance(by: .milliseconds(10))
        }
        let timer = connection.nextTimer
        #expect(timer <= clock.now)
        #expect(connection.timePassed(now: clock.now).directive == .halfClose)
    }

    @Test("a draining connection with an unread response is not half-closed")
    func drainsBlockedPeer() {
        var connection = makeConnection { $0.drainQuietPeriod = .milliseconds(500) }
        connection.drain(now: clock.now)
        connection.blockOutput(now: clock.now)
        clock.advance(by: .milliseconds(600))
        #expect(connection.timePassed(now: clock.now).directive == .keep)
        connection.unblockOutput(now: clock.now)
        #expect(connection.timePassed(now: clock.now).directive == .halfClose)
    }
}

extension TTRPCConnection {
    /// Reads bytes as the handler does, with `decide` for each request.
    ///
    /// - Parameter sendEarly: Consumes as much output as it can, and returns whether it consumed everything.
    fileprivate mutating func read(
        _ bytes: [UInt8], now: Instant, sendEarly: (inout ByteBuffer) -> Bool = { _ in false },
        decide: (Span<UInt8>) -> RequestDecision
    ) -> ConnectionDirective {
        receive(ByteBuffer(bytes: bytes))
        var mayFlush = true
        while let frame = nextFrame() {
            if mayFlush { mayFlush = flushEarly(sendEarly) }
            guard case .request(let request) = frame else { continue }
            apply(withRequestData { data, _ in decide(data) }, to: request, cached: EncodedResponse(), now: now)
        }
        return endTurn(now: now)
    }
}
