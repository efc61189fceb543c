import CallerLimits
internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

@testable import DoormanServer

/// A connection and the dispatcher of its requests, assembled as in the server's handler. Only this file of the fuzzer uses the
/// server's API.
struct ConnectionUnderTest {
    typealias Directive = ConnectionDirective

    static let caller = Caller(name: "ip:127.0.0.1")
    private static let operators = CallerPolicy(
        [.init([.one(caller)], CallerPermissions([.verify, .exchange, .revoke, .revokeAccounts, .accounts, .statistics]))],
        setting: "authorization.policy-file")

    let limits: ConnectionLimits
    private var connection: TTRPCConnection
    private let dispatcher: RequestDispatcher
    private let caller: CallerContext
    private var sentEarly: [UInt8] = []

    init(_ setup: Setup, now: Instant) {
        limits = setup.limits
        // The handler would give permits back. It is not part of the test, so the limits are high enough.
        var settings = ServerSettings()
        settings.connection = limits
        settings.maximumWaitingCalls = 1 << 40
        dispatcher = RequestDispatcher(
            backend: setup.backend, policy: setup.managesAccounts ? Self.operators : .standard,
            quotas: CallerQuotaRegistry(maximumCallers: 1), inFlight: InFlightCounter(maximum: .max),
            settings: settings)
        caller = dispatcher.context(for: Self.caller)
        connection = TTRPCConnection(ConnectionState(limits: limits, counters: dispatcher.counters, now: now))
    }

    var callsInFlight: Int { connection.callsInFlight }
    var nextTimer: Instant { mutating get { connection.nextTimer } }

    /// - Parameter capacity: Bytes of responses that the socket accepts while more frames of this read wait.
    mutating func receive(_ bytes: [UInt8], now: Instant, earlyCapacity capacity: Int) -> Directive {
        var read = RequestContext(caller: caller, now: now, isDraining: connection.isDraining)
        connection.receive(ByteBuffer(bytes: bytes))
        let limit = TurnLimit(outputBytes: limits.writeBufferHighWaterMark)
        var end = TurnEnd.framesWait
        while end == .framesWait {
            end = connection.takeTurn(dispatcher, in: &read, limit: limit) { output in
                sentEarly += output.readBytes(length: min(capacity, output.readableBytes)) ?? []
                return output.readableBytes == 0
            }
            // The peer reads, so that the next turn can begin.
            sentEarly += connection.takeOutput().map { Array($0.readableBytesView) } ?? []
        }
        return connection.endTurn(now: now)
    }

    mutating func takeOutput() -> [UInt8] {
        defer { sentEarly = [] }
        return sentEarly + (connection.takeOutput().map { Array($0.readableBytesView) } ?? [])
    }

    mutating func takeStarted() -> [StartedCall] { connection.takeStarted() }

    mutating func respond(to call: CallID, with data: [UInt8], now: Instant) -> Directive {
        connection.answer(call, with: EncodedResponse(bytes: data), now: now)
    }

    mutating func endInput() -> Directive { connection.endInput() }
    mutating func drain(now: Instant) { connection.drain(now: now) }
    mutating func blockOutput(now: Instant) { connection.blockOutput(now: now) }
    mutating func noteProgress(now: Instant) { connection.noteProgress(now: now) }
    mutating func unblockOutput(now: Instant) { connection.unblockOutput(now: now) }

    mutating func timePassed(now: Instant) -> (expired: [CallID], directive: Directive) { connection.timePassed(now: now) }

    /// The number of received bytes that the connection keeps. Found by reflection, because only this test needs it.
    var bufferedBytes: Int? {
        (Mirror(reflecting: connection).descendant("decoder") as? FrameDecoder)?.bufferedBytes
    }
}
