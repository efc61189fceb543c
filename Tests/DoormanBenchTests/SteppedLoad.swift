import DoormanBench
import DoormanCore
import DoormanSupport
import DoormanWire
import NIOCore

/// A load without sockets. The test plays the server and steps the clock.
struct SteppedLoad {
    static let start = Instant(nanoseconds: 1_000_000_000_000)
    private static let tokens = [Token("EMAWfirst"), Token("EMAWsecond"), Token("EMAWthird")]

    struct Sent: Equatable {
        let connection: Int
        let streamID: StreamID
        let data: [UInt8]
    }

    private(set) var load: Load
    private(set) var now = Self.start
    /// Calls without a response.
    private(set) var waiting: [Sent] = []
    private(set) var closed: [Int] = []

    init(
        connections: Int = 2, depth: Int = 2, rate: Int? = nil, warmUp: Duration = .zero, duration: Duration = .seconds(10),
        timeout: Duration = .seconds(2)
    ) throws {
        var settings = BenchSettings(address: .unixSocket(path: "/nowhere"))
        settings.connections = connections
        settings.depth = depth
        settings.rate = rate.map(CallRate.init(callsPerSecond:))
        settings.callTimeout = timeout
        load = Load(
            settings: settings, frames: try RequestFrames(Self.tokens, settings: settings), connections: connections,
            part: .init(index: 0, of: 1), window: BenchWindow(start: Self.start, warmUp: warmUp, duration: duration))
    }

    var elapsed: Duration { Self.start.duration(to: now) }
    var isFinished: Bool { load.isFinished(at: now) }

    /// Performs the actions as ``LoadLoop`` does after each event.
    mutating func perform() {
        load.timePassed(now: now)
        load.send(now: now)
        while let (connection, bytes) = load.takeOutput() {
            var decoder = FrameDecoder(maximumLength: 65536)
            decoder.append(bytes)
            while case .frame(let header)? = decoder.next() {
                let data = decoder.withData { span in span.indices.map { span[$0] } }
                waiting.append(Sent(connection: connection, streamID: header.streamID, data: data))
            }
        }
        while let connection = load.takeClosing() { closed.append(connection) }
    }

    mutating func pass(_ time: Duration) {
        now = now.advanced(by: time)
        perform()
    }

    mutating func stop() {
        load.stop(now: now)
        perform()
    }

    mutating func end(_ connection: Int) {
        waiting.removeAll { $0.connection == connection }
        load.end(connection, now: now)
        perform()
    }

    /// Responds to every waiting call, newest first. The load accepts any order.
    mutating func respondToAll(with data: [UInt8] = Self.identity) {
        let calls = waiting.reversed()
        waiting = []
        for call in calls { respond(call, with: data) }
        perform()
    }

    mutating func respond(_ call: Sent, with data: [UInt8] = Self.identity) {
        waiting.removeAll { $0 == call }
        var frame = ByteBuffer()
        frame.writeFrame(.response, streamID: call.streamID, data: data)
        receive(frame, on: call.connection)
    }

    mutating func receive(_ bytes: ByteBuffer, on connection: Int) {
        load.receive(bytes, on: connection, now: now)
    }

    static let identity = ResponseEncoder.encode(
        Identity(
            accountID: "1011166682335378", applicationID: "5432154321543210", provider: "account-kit",
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)))

    static func failure(_ failure: Failure) -> [UInt8] {
        ResponseEncoder.encode(FailureResponse(failure, "test"))
    }
}
