internal import CallerLimits
internal import DoormanCore
internal import DoormanHTTP
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit
internal import NIOCore
internal import TestKit

@testable import DoormanGRPC

/// A connection of HTTP/2 and the dispatcher of its requests, assembled as in the server's handler, with the rules that hold for every
/// input.
struct ConnectionUnderTest {
    private static let caller = Caller(name: "ip:127.0.0.1")

    private let limits: ConnectionLimits
    private let clock = SteppedClock()
    private let dispatcher: RequestDispatcher
    private let caller: CallerContext
    private var connection: HTTP2Connection
    private var output = OutputFrames()
    private var inFlight: [StartedCall] = []
    private var ended: [CallID] = []
    private var isClosed = false
    private var isDraining = false
    private var sentEarly: [UInt8] = []

    init(_ setup: UInt8) {
        var limits = ConnectionLimits()
        limits.maximumFrameLength = [64, 200, 1024, 64 << 10][Int(setup & 3)]
        limits.maximumCallsInFlight = [1, 2, 4, 1024][Int(setup >> 2 & 3)]
        if setup & 0x10 != 0 { limits.drainQuietPeriod = .zero }
        if setup & 0x20 != 0 { limits.writeBufferHighWaterMark = 300 }
        self.limits = limits
        var settings = ServerSettings()
        settings.connection = limits
        settings.maximumWaitingCalls = 1 << 40
        let someone = EncodedResponse(
            bytes: ResponseEncoder.encode(
                Identity(
                    accountID: "1", applicationID: "1", provider: "fuzz", verifiedAt: Timestamp(millisecondsSince1970: 0))))
        var cache = ScriptedBackend.Cache()
        cache.response = { $0.bytes.first == UInt8(ascii: "h") ? someone : nil }
        dispatcher = RequestDispatcher(
            backend: ScriptedBackend(
                provider: ScriptedProvider(recordsRequests: false), cache: cache, timeSource: clock.timeSource),
            policy: setup & 0x40 == 0 ? .granting(to: [Self.caller]) : .standard, quotas: CallerQuotaRegistry(maximumCallers: 1),
            inFlight: InFlightCounter(maximum: .max), settings: settings)
        caller = dispatcher.context(for: Self.caller)
        let state = ConnectionState(limits: limits, counters: dispatcher.counters, now: clock.now)
        connection = HTTP2Connection(state, HTTPRouter(ReloadableHTTPConfiguration()), isOnLoopback: true)
    }

    // MARK: - Events

    /// - Parameter capacity: Bytes of responses that the socket accepts while more requests of this read wait.
    mutating func receive(_ bytes: [UInt8], earlyCapacity capacity: Int) {
        connection.checkLifetime(now: clock.now)
        connection.receive(ByteBuffer(bytes: bytes))
        let limit = TurnLimit(outputBytes: limits.writeBufferHighWaterMark)
        var end = TurnEnd.framesWait
        var directive = ConnectionDirective.keep
        var turns = 0
        while end == .framesWait, directive == .keep {
            turns += 1
            require(turns < 10_000, "each turn makes progress")
            let isDraining = connection.isDraining
            var turn = RequestContext(caller: caller, now: clock.now, isDraining: isDraining, refusesCalls: false)
            end = connection.takeTurn(dispatcher, in: &turn, limit: limit) { output in
                sentEarly += output.readBytes(length: min(capacity, output.readableBytes)) ?? []
                return output.readableBytes == 0
            }
            directive = connection.endTurn(now: clock.now)
            note(cancelled: connection.takeCancelled())
            note(started: connection.takeStarted())
            takeOutput()
        }
        note(directive)
    }

    /// Answers a call in flight.
    mutating func respond(toIndex index: UInt8, kind: UInt8) {
        guard !inFlight.isEmpty else { return }
        let call = inFlight.remove(at: Int(index) % inFlight.count)
        ended.append(call.id)
        let directive = connection.answer(call.id, with: EncodedResponse(bytes: Self.response(kind)), now: clock.now)
        note(directive)
    }

    private static func response(_ kind: UInt8) -> [UInt8] {
        switch kind & 3 {
        case 0: ResponseEncoder.encode(Verdict.rejected(Rejection(.tokenRejected, "unknown")))
        case 1: ResponseEncoder.encode(FailureResponse(.providerBusy, "busy\n%", retryAfter: .seconds(1)))
        case 2: [0x12, kind]
        default:
            ResponseEncoder.encode(
                Identity(
                    accountID: String(repeating: "a", count: Int(kind)), applicationID: "1", provider: "fuzz",
                    verifiedAt: Timestamp(millisecondsSince1970: 0)))
        }
    }

    /// Answers a call that has ended already. It must have no effect.
    mutating func respondLate(_ index: UInt8) {
        guard !ended.isEmpty else { return }
        let call = ended[Int(index) % ended.count]
        let directive = connection.answer(call, with: EncodedResponse(bytes: Self.response(0)), now: clock.now)
        require(directive == .keep, "a late response has no effect")
    }

    mutating func advance(by time: Duration) {
        clock.advance(by: time)
        passTime()
    }

    mutating func passTimeToTimer() {
        let next = connection.nextTimer
        guard next != .distantFuture else { return }
        if next > clock.now { clock.advance(by: clock.now.duration(to: next)) }
        passTime()
    }

    private mutating func passTime() {
        let (expired, directive) = connection.timePassed(now: clock.now)
        for id in expired {
            let call = inFlight.first { $0.id == id }
            require(call?.deadline.hasPassed(at: clock.now) == true, "an expired call was in flight and past its deadline")
        }
        note(cancelled: expired)
        require(isClosed || !inFlight.contains { $0.deadline.hasPassed(at: clock.now) }, "a call past its deadline expires")
        note(directive)
        if !isClosed { require(connection.nextTimer > clock.now, "a timer that fired is not due at once") }
    }

    mutating func drain() {
        connection.drain(.shutdown, now: clock.now)
        isDraining = true
    }

    mutating func endInput() { note(connection.endInput()) }
    mutating func block() { connection.blockOutput(now: clock.now) }
    mutating func unblock() { connection.unblockOutput(now: clock.now) }

    // MARK: - Rules

    private mutating func note(started calls: [StartedCall]) {
        for call in calls {
            require(!isClosed, "no call starts on a closed connection")
            require(!inFlight.contains { $0.id.streamID == call.id.streamID }, "a stream has one call")
            require(!inFlight.contains { $0.id == call.id } && !ended.contains(call.id), "a call's id is unique")
            require(call.deadline.instant > clock.now, "a call's deadline is in the future")
            require(
                call.deadline.instant <= clock.now.advanced(by: limits.maximumCallTimeout), "a call's deadline is within the limit")
            inFlight.append(call)
        }
        require(inFlight.count <= limits.maximumCallsInFlight, "the calls in flight are within the limit")
    }

    /// Notes calls that ended without an answer of the backend.
    private mutating func note(cancelled calls: [CallID]) {
        for id in calls {
            require(inFlight.contains { $0.id == id }, "a cancelled call was in flight")
            inFlight.removeAll { $0.id == id }
            ended.append(id)
        }
    }

    private mutating func note(_ directive: ConnectionDirective) {
        switch directive {
        case .keep: return
        case .takeTurn, .serve: require(false, "a connection of HTTP/2 is handed over to no protocol")
        case .halfClose:
            require(isDraining && inFlight.isEmpty && !isClosed, "the connection half-closes without calls, while draining")
        case .close:
            takeOutput()
            isClosed = true
            ended += inFlight.map(\.id)
            inFlight = []
        }
    }

    /// Checks the rules that hold after every event.
    mutating func settle() {
        if !isClosed { require(connection.callsInFlight == inFlight.count, "the connection counts the calls in flight") }
        takeOutput()
    }

    /// Fires timers until all calls have ended.
    mutating func finish() {
        var timers = 0
        while !isClosed, connection.callsInFlight > 0 {
            timers += 1
            require(timers < 10_000, "calls end")
            passTimeToTimer()
            settle()
        }
    }

    private mutating func takeOutput() {
        var bytes = sentEarly
        sentEarly = []
        if let buffer = connection.takeOutput() { bytes += Array(buffer.readableBytesView) }
        guard !isClosed else { return }
        output.append(bytes)
    }
}

/// Checks that the server's output consists of whole, permitted frames.
private struct OutputFrames {
    private var rest: [UInt8] = []
    private var endedStreams: Set<UInt32> = []
    private var hasSettings = false

    mutating func append(_ bytes: [UInt8]) {
        rest += bytes
        var position = 0
        while rest.count - position >= 9 {
            let length = Int(rest[position]) << 16 | Int(rest[position + 1]) << 8 | Int(rest[position + 2])
            require(length <= 16_384, "no frame exceeds the length that every peer accepts")
            guard rest.count - position >= 9 + length else { break }
            let id = rest[(position + 5)..<(position + 9)].reduce(0) { $0 << 8 | UInt32($1) }
            check(type: rest[position + 3], flags: rest[position + 4], stream: id)
            position += 9 + length
        }
        rest.removeFirst(position)
    }

    private mutating func check(type: UInt8, flags: UInt8, stream: UInt32) {
        if !hasSettings { require(type == 4 && flags == 0, "SETTINGS are the first frame") }
        hasSettings = true
        switch type {
        case 0, 1:
            require(stream & 1 == 1, "a response is on a stream of the peer")
            require(!endedStreams.contains(stream), "nothing follows the end of a stream")
            if flags & 1 != 0 { endedStreams.insert(stream) }
        case 3, 4, 6, 7, 8, 9: break
        default: require(false, "the server sends no frame of type \(type)")
        }
    }
}
