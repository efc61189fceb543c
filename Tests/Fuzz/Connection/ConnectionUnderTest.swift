import CallerLimits
internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

@testable import DoormanServer

/// The connection and the reader of its requests, put together as the server's handler does it. All of the server's API that the
/// fuzzer knows is in this file.
struct ConnectionUnderTest {
    typealias Directive = ServerConnection.Directive
    typealias CallID = ServerConnection.CallID
    typealias StartedCall = ServerConnection.StartedCall

    static let caller = Caller(name: "ip:127.0.0.1")

    let limits: ConnectionLimits
    private var connection: ServerConnection
    private let reader: RequestDispatcher
    private let pass: CallerContext
    private var tally = AnswerTally()
    private var sentAhead: [UInt8] = []

    init(_ setup: Setup, now: Instant) {
        limits = setup.limits
        connection = ServerConnection(limits: limits, now: now)
        // Places are for the handler to give back, which is not here: there are enough.
        reader = RequestDispatcher(
            backend: setup.backend, policy: .open(accountsCallers: setup.listsAccounts ? [Self.caller] : []),
            shares: CallerQuotaRegistry(maximumCallers: 1), waiting: InFlightCounter(maximum: .max),
            maximumFrameLength: limits.maximumFrameLength)
        pass = reader.pass(for: Self.caller)
    }

    var callsInFlight: Int { connection.callsInFlight }
    var nextTimer: Instant { mutating get { connection.nextTimer } }

    /// - Parameter room: How many bytes of answers are taken while more frames of this read wait.
    mutating func receive(_ bytes: [UInt8], now: Instant, roomAhead room: Int) -> Directive {
        var pass = pass
        return connection.receive(ByteBuffer(bytes: bytes), now: now) {
            reader.prepare($0)
        } decide: { data, prepared, isDraining, reply in
            reader.decide(data, prepared, by: &pass, isDraining: isDraining, now: now, tally: &tally, reply: &reply)
        } sendAhead: { output in
            sentAhead += output.readBytes(length: min(room, output.readableBytes)) ?? []
            return output.readableBytes == 0
        }
    }

    mutating func takeOutput() -> [UInt8] {
        _ = connection.takeRefusals()
        defer { sentAhead = [] }
        return sentAhead + (connection.takeOutput().map { Array($0.readableBytesView) } ?? [])
    }

    mutating func takeStarted() -> [StartedCall] { connection.takeStarted() }

    mutating func answer(_ call: CallID, with data: [UInt8], now: Instant) -> Directive {
        connection.answer(call, with: data, now: now)
    }

    mutating func endInput() -> Directive { connection.endInput() }
    mutating func drain(now: Instant) { connection.drain(now: now) }
    mutating func blockOutput(now: Instant) { connection.blockOutput(now: now) }
    mutating func noteProgress(now: Instant) { connection.noteProgress(now: now) }
    mutating func unblockOutput(now: Instant) { connection.unblockOutput(now: now) }

    mutating func timePassed(now: Instant) -> (expired: [CallID], directive: Directive) { connection.timePassed(now: now) }

    /// Bytes that the connection keeps of what it was sent. Nobody but this asks, so it is looked up.
    var bufferedBytes: Int? {
        (Mirror(reflecting: connection).descendant("decoder") as? FrameDecoder)?.bufferedBytes
    }
}
