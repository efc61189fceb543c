internal import DoormanServer
internal import DoormanSupport
internal import FuzzKit

/// Fuzzes a connection of HTTP/2 without its socket with events in any order. `ConnectionUnderTest` has the rules. The whole input is
/// the first bytes of a connection, too, whose protocol must not depend on how they are split.
///
/// Input: a setup (one byte), then events. An event is a byte, followed by its parameters.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGRPC(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    checkDetection(of: unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    var script = Script(unsafe InputReader(start: start, count: count))
    while script.step() {}
    script.end()
    return 0
}

/// Checks that more bytes never change what the first bytes have told, and that few bytes tell it.
private func checkDetection(of bytes: [UInt8]) {
    let whole = ServerProtocol.detect(bytes)
    require(whole != .undecided || bytes.count < 4, "four bytes tell the protocol")
    for count in 0..<min(bytes.count, 8) {
        let part = ServerProtocol.detect(bytes.prefix(count))
        require(part == .undecided || part == whole, "the protocol does not depend on the split")
    }
    if bytes.first == 0 { require(whole == .detected(.ttrpc), "a first byte of 0 is ttrpc") }
    require((whole == .detected(.http2)) == bytes.starts(with: Array("PRI".utf8)), "PRI is HTTP/2")
}

/// Plays the input's events.
private struct Script {
    private var input: InputReader
    private var connection: ConnectionUnderTest
    /// Bytes that the peer has sent and the connection has not received.
    private var undelivered: [UInt8] = []

    init(_ input: InputReader) {
        self.input = input
        let setup = self.input.byte()
        connection = ConnectionUnderTest(setup)
        // Most inputs begin as HTTP/2 does.
        if setup & 0x80 == 0 { undelivered = Frames.opening }
    }

    /// - Returns: Whether the input has more events.
    mutating func step() -> Bool {
        guard !input.isAtEnd else { return false }
        let event = input.byte()
        switch event & 0x0f {
        case 0: undelivered += input.bytes(Int(input.byte()))
        case 1, 2: undelivered += Frames.request(stream: input.byte(), choice: input.byte())
        case 3: undelivered += Frames.control(input.byte(), stream: input.byte(), value: input.byte())
        case 4: undelivered += Frames.raw(&input)
        case 5: deliver(Int(input.byte()))
        case 6: deliver(.max, earlyCapacity: Int(event >> 4) * 1000)
        case 7: connection.respond(toIndex: input.byte(), kind: input.byte())
        case 8: connection.respondLate(input.byte())
        case 9: connection.advance(by: .milliseconds(Int64(input.byte())))
        case 10: connection.advance(by: .seconds(Int64(input.byte())))
        case 11: connection.passTimeToTimer()
        case 12: connection.drain()
        case 13: connection.endInput()
        case 14: connection.block()
        default: connection.unblock()
        }
        connection.settle()
        return true
    }

    /// Delivers the rest and fires the last timers. Then every call has ended.
    mutating func end() {
        deliver(.max)
        connection.settle()
        connection.finish()
    }

    private mutating func deliver(_ count: Int, earlyCapacity: Int = 0) {
        let part = Array(undelivered.prefix(count))
        undelivered.removeFirst(part.count)
        connection.receive(part, earlyCapacity: earlyCapacity)
    }
}

#if !LIBFUZZER
    @main
    struct Replay {
        static func main() throws {
            try unsafe replay(fuzzGRPC)
        }
    }
#endif
