import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import NIOCore
import TestKit
import Testing

/// Tests how a connection ends by itself, without a socket.
@Suite("The lifetime of a connection")
struct ConnectionLifetimeTests {
    private let clock = SteppedClock()

    private func makeConnection(maximumAge: Duration = .zero, certificateLifetime: Duration? = nil) -> TTRPCConnection {
        let lifetime = ConnectionLifetime(since: clock.now, maximumAge: maximumAge, certificateLifetime: certificateLifetime)
        return TTRPCConnection(
            ConnectionState(limits: ConnectionLimits(), lifetime: lifetime, counters: ServerCounters(), now: clock.now))
    }

    /// Reads a request and answers it at once.
    private func call(_ connection: inout TTRPCConnection) {
        connection.checkLifetime(now: clock.now)
        connection.receive(ByteBuffer(bytes: RawFrame(streamID: 1, type: 1, data: [7]).bytes))
        while let frame = connection.nextFrame() {
            guard case .request(let request) = frame else { continue }
            connection.apply(.immediate([0x12, 0]), to: request, cached: EncodedResponse(), now: clock.now)
        }
        #expect(connection.endTurn(now: clock.now) == .keep)
        _ = connection.takeOutput()
    }

    /// Advances the time to each of the connection's timers, until a directive comes or `limit` has passed.
    private func nextDirective(of connection: inout TTRPCConnection, within limit: Duration) -> ConnectionDirective {
        let end = clock.now.advanced(by: limit)
        while clock.now < end {
            let next = min(end, connection.nextTimer)
            clock.advance(by: clock.now.duration(to: next))
            let directive = connection.timePassed(now: clock.now).directive
            if directive != .keep { return directive }
        }
        return .keep
    }

    @Test("a quiet connection is half-closed at its maximum age")
    func quiet() {
        var connection = makeConnection(maximumAge: .seconds(60))
        #expect(nextDirective(of: &connection, within: .milliseconds(59_999)) == .keep)
        #expect(nextDirective(of: &connection, within: .milliseconds(2)) == .halfClose)
        #expect(connection.endInput() == .close(.drained(.maximumAge)))
    }

    @Test("an aged connection serves calls until it is quiet")
    func servesWhileAged() {
        var connection = makeConnection(maximumAge: .seconds(60))
        clock.advance(by: .seconds(60))
        for _ in 0..<100 {
            call(&connection)
            let isDraining = connection.isDraining
            #expect(!isDraining)
            #expect(nextDirective(of: &connection, within: .milliseconds(200)) == .keep)
        }
        #expect(nextDirective(of: &connection, within: .milliseconds(301)) == .halfClose)
    }

    @Test("an aged connection with a call in flight is not half-closed")
    func callInFlight() throws {
        var connection = makeConnection(maximumAge: .seconds(60))
        clock.advance(by: .seconds(59))
        connection.receive(ByteBuffer(bytes: RawFrame(streamID: 1, type: 1, data: [7]).bytes))
        guard case .request(let request)? = connection.nextFrame() else { throw NeverHappened(description: "a request") }
        let verify = VerifyCall(validated: Token("t"), key: TokenKey(words: (0, 0)))
        connection.apply(
            .asynchronous(.verify(verify), timeout: .seconds(10)), to: request, cached: EncodedResponse(), now: clock.now)
        _ = connection.endTurn(now: clock.now)
        let started = try #require(connection.takeStarted().first)
        #expect(nextDirective(of: &connection, within: .seconds(5)) == .keep)
        #expect(connection.answer(started.id, with: EncodedResponse(bytes: [0x12, 0]), now: clock.now) == .keep)
        #expect(nextDirective(of: &connection, within: .milliseconds(499)) == .keep)
        #expect(nextDirective(of: &connection, within: .milliseconds(2)) == .halfClose)
    }

    @Test("an aged connection that is never quiet drains after the retirement period")
    func neverQuiet() {
        var connection = makeConnection(maximumAge: .seconds(60))
        clock.advance(by: .seconds(60))
        for _ in 0..<100 {
            clock.advance(by: .milliseconds(299))
            call(&connection)
        }
        var isDraining = connection.isDraining
        #expect(!isDraining)
        clock.advance(by: .milliseconds(100))
        call(&connection)
        isDraining = connection.isDraining
        #expect(isDraining)
        // A refused call is no activity.
        for _ in 0..<5 {
            clock.advance(by: .milliseconds(99))
            call(&connection)
        }
        #expect(nextDirective(of: &connection, within: .milliseconds(6)) == .halfClose)
    }

    @Test("a connection drains when its caller's certificate ends")
    func certificateEnds() {
        var connection = makeConnection(certificateLifetime: .seconds(3600))
        for _ in 0..<3599 {
            clock.advance(by: .seconds(1))
            call(&connection)
        }
        var isDraining = connection.isDraining
        #expect(!isDraining)
        #expect(nextDirective(of: &connection, within: .seconds(2)) == .halfClose)
        isDraining = connection.isDraining
        #expect(isDraining)
        #expect(connection.endInput() == .close(.drained(.certificateExpired)))
    }

    @Test("a call after the certificate's end is refused even if no timer fired")
    func lateTimer() {
        var connection = makeConnection(certificateLifetime: .seconds(3600))
        // A suspended machine's timers are late.
        clock.advance(by: .seconds(7200))
        connection.checkLifetime(now: clock.now)
        let isDraining = connection.isDraining
        #expect(isDraining)
    }

    @Test("a connection without age and certificate ends by its timeouts only")
    func unlimited() {
        var connection = makeConnection()
        for _ in 0..<1000 {
            clock.advance(by: .seconds(299))
            #expect(connection.timePassed(now: clock.now).directive == .keep)
            call(&connection)
        }
    }

    @Test("the tenth forbidden call of a caller without permissions closes the connection")
    func forbiddenCalls() {
        var connection = makeConnection()
        #expect(connection.note(forbiddenCalls: 9) == .keep)
        #expect(connection.note(forbiddenCalls: 1) == .close(.noPermission))
    }
}
