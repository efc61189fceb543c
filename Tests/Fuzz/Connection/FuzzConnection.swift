internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit

/// Fuzzes a connection without its socket with events in any order. `Ledger` has the rules.
///
/// Input: a setup (two bytes), then events. An event is a byte, followed by its parameters.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConnection(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var script = Script(unsafe InputReader(start: start, count: count))
    while script.step() {}
    script.end()
    return 0
}

/// Plays the input's events.
private struct Script {
    private var input: InputReader
    private var now = Instant(nanoseconds: 1 << 40)
    private var connection: ConnectionUnderTest
    private var ledger: Ledger
    /// Bytes that the peer has sent and the connection has not received.
    private var undelivered: [UInt8] = []
    /// Whether output gathers. The handler writes at the end of a read and again after responses.
    private var gathersOutput = false

    init(_ input: InputReader) {
        self.input = input
        let setup = Setup(&self.input)
        connection = ConnectionUnderTest(setup, now: now)
        ledger = Ledger(limits: setup.limits)
    }

    /// - Returns: Whether the input has more events.
    mutating func step() -> Bool {
        guard !input.isAtEnd else { return false }
        let event = input.byte()
        switch event & 0x0f {
        case 0: undelivered += input.bytes(Int(input.byte()))
        case 1, 2: undelivered += frame()
        case 3: deliver(Int(input.byte()))
        case 4: deliver(.max, earlyCapacity: Int(event >> 4) * 1000)
        case 5: respond(toIndex: input.byte(), kind: input.byte())
        case 6: respondLate(input.byte())
        case 7: now = now.advanced(by: .milliseconds(Int64(input.byte())))
        case 8: now = now.advanced(by: .seconds(Int64(input.byte())))
        case 9: passTime(to: connection.nextTimer)
        case 10: passTime(to: now)
        case 11: drain()
        case 12: endInput()
        case 13: connection.blockOutput(now: now)
        case 14: if input.byte() & 1 == 0 { connection.unblockOutput(now: now) } else { connection.noteProgress(now: now) }
        default: gathersOutput.toggle()
        }
        settle()
        return true
    }

    /// Delivers the rest and fires the last timers. Then every call has its response, or the connection is closed.
    mutating func end() {
        gathersOutput = false
        deliver(.max)
        settle()
        if let kept = connection.bufferedBytes {
            let most = FrameHeader.byteCount + Int(connection.limits.maximumFrameLength)
            require(kept < most, "the connection keeps at most an unfinished frame")
        }
        while connection.callsInFlight > 0 {
            passTime(to: connection.nextTimer)
            settle()
        }
        ledger.checkAllCallsEnded()
    }

    private mutating func frame() -> [UInt8] {
        let stream = input.byte()
        // Few ids, so that they are reused; some are even.
        let streamID = stream < 0xe0 ? UInt32(stream & 7) << 1 | 1 : UInt32(stream)
        let choice = Int(input.byte())
        let data = Requests.all[choice % Requests.all.count]
        let flags: UInt8 = stream & 0x18 == 0x18 ? stream >> 5 : 0
        let type: UInt8 = choice < 0xc0 ? 1 : UInt8(choice & 7)
        let length = UInt32(data.count)
        return [length, streamID].flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
            + [type, flags] + data
    }

    private mutating func deliver(_ count: Int, earlyCapacity: Int = 0) {
        let part = Array(undelivered.prefix(count))
        undelivered.removeFirst(part.count)
        ledger.noteReceived(part)
        let directive = connection.receive(part, now: now, earlyCapacity: earlyCapacity)
        ledger.note(directive, .receive)
        ledger.noteStarted(connection.takeStarted(), now: now)
    }

    private mutating func respond(toIndex index: UInt8, kind: UInt8) {
        guard let call = ledger.call(inFlight: Int(index)) else { return }
        let data = ledger.makeResponse(kind)
        let directive = connection.respond(to: call, with: data, now: now)
        ledger.noteResponse(call, with: data)
        ledger.note(directive, .response)
    }

    /// Responds to a call that has a response already or whose deadline has passed. It must have no effect.
    private mutating func respondLate(_ index: UInt8) {
        guard let call = ledger.call(ended: Int(index)) else { return }
        require(
            connection.respond(to: call, with: ledger.makeResponse(index), now: now) == .keep, "a late response has no effect")
    }

    private mutating func passTime(to moment: Instant) {
        guard moment != .distantFuture else { return }
        now = max(now, moment)
        let (expired, directive) = connection.timePassed(now: now)
        ledger.noteExpired(expired, now: now)
        ledger.note(directive, .time)
        if !ledger.isClosed { require(connection.nextTimer > now, "a timer that fired is not due at once") }
    }

    private mutating func drain() {
        connection.drain(now: now)
        ledger.isDraining = true
    }

    private mutating func endInput() {
        ledger.noteInputEnded()
        ledger.note(connection.endInput(), .endInput)
    }

    /// Checks the rules that hold after every event.
    private mutating func settle() {
        require(connection.callsInFlight == ledger.callsInFlight, "the connection counts the calls in flight")
        ledger.checkTimer(connection.nextTimer, now: now)
        if !gathersOutput || ledger.isClosed { ledger.noteOutput(connection.takeOutput()) }
    }
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzConnection)
        }
    }
#endif
