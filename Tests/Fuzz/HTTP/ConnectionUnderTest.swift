internal import CallerLimits
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import DoormanWire
internal import FuzzKit
internal import NIOCore
internal import NIOEmbedded
internal import NIOHTTP1
internal import TestKit

@testable import DoormanHTTP

/// A connection of HTTP/1.1 with its decoder and the dispatcher of its requests, assembled as in the server's handlers, with the rules that
/// hold for every input.
final class ConnectionUnderTest {
    private static let caller = Caller(name: "ip:127.0.0.1")

    private let limits: ConnectionLimits
    private let clock = SteppedClock()
    private let dispatcher: RequestDispatcher
    private let caller: CallerContext
    private let decoder = EmbeddedChannel()
    private let parts = Parts()
    private let channel = HTTP1Channel(isOnLoopback: true)
    private var connection: HTTP1Connection
    private var inFlight: StartedCall?
    private var requests = 0
    private var output = Responses()
    private var isClosed = false
    private var isAwaitingAnswer = false

    init(_ setup: UInt8) {
        var limits = ConnectionLimits()
        limits.maximumFrameLength = [16, 200, 1024, 64 << 10][Int(setup & 3)]
        if setup & 0x10 != 0 { limits.drainQuietPeriod = .zero }
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
        connection = HTTP1Connection(state, HTTPRouter(ReloadableHTTPConfiguration()), channel)
        // As HTTP1Endpoint makes it.
        var bounds = NIOHTTPDecoderLimitConfiguration()
        bounds.maxHeaderFieldSize = HTTP1Connection.maximumHeadBytes
        bounds.maxHeaderListSize = HTTP1Connection.maximumHeadBytes
        bounds.maxHeaderFieldCount = HTTP1Connection.maximumHeaders
        let handler = ByteToMessageHandler(
            HTTPRequestDecoder(
                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop, limitConfiguration: bounds),
            maximumBufferSize: 2 * HTTP1Connection.maximumHeadBytes)
        do {
            try decoder.pipeline.syncOperations.addHandlers(handler, parts)
        } catch {
            require(false, "the decoder is added")
        }
    }

    // MARK: - Events

    /// - Parameter capacity: Bytes of responses that the socket accepts while more requests of this read wait.
    func receive(_ bytes: [UInt8], earlyCapacity capacity: Int) {
        // The handler reads nothing while an answer is awaited.
        guard !isClosed, !isAwaitingAnswer else { return }
        connection.checkLifetime(now: clock.now)
        if !bytes.isEmpty {
            channel.hasIncompletePart = true
            decoder.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
        }
        for part in parts.take() {
            switch part {
            case .success(let part):
                if case .head = part { requests += 1 }
                connection.receive(part)
            case .failure(let error):
                requests += 1
                _ = connection.receive(error)
            }
        }
        takeTurns(earlyCapacity: capacity)
    }

    private func takeTurns(earlyCapacity capacity: Int = 0) {
        let limit = TurnLimit(outputBytes: limits.writeBufferHighWaterMark)
        var (end, directive, turns) = (TurnEnd.framesWait, ConnectionDirective.keep, 0)
        while end == .framesWait, directive == .keep {
            turns += 1
            require(turns < 10_000, "each turn makes progress")
            let isDraining = connection.isDraining
            var turn = RequestContext(caller: caller, now: clock.now, isDraining: isDraining, refusesCalls: false)
            end = connection.takeTurn(dispatcher, in: &turn, limit: limit) { buffer in
                output.append(buffer.readBytes(length: min(capacity, buffer.readableBytes)) ?? [])
                return buffer.readableBytes == 0
            }
            directive = connection.endTurn(now: clock.now)
            note(connection.takeStarted())
            takeOutput()
        }
        isAwaitingAnswer = end == .answerAwaited
        note(directive)
    }

    func respond(kind: UInt8) {
        guard let call = inFlight else { return }
        inFlight = nil
        let response: [UInt8] =
            switch kind & 3 {
            case 0: ResponseEncoder.encode(Verdict.rejected(Rejection(.tokenRejected, "unknown")))
            case 1: ResponseEncoder.encode(FailureResponse(.providerBusy, "busy\n%", retryAfter: .seconds(1)))
            case 2: [0x12, kind]
            default:
                ResponseEncoder.encode(
                    Identity(
                        accountID: String(repeating: "\r", count: Int(kind >> 6)) + "ä", applicationID: "1", email: "a%\u{7f}",
                        provider: "fuzz", verifiedAt: Timestamp(millisecondsSince1970: 0)))
            }
        note(connection.answer(call.id, with: EncodedResponse(bytes: response), now: clock.now))
    }

    func advance(by time: Duration) {
        clock.advance(by: time)
        passTime()
    }

    func passTimeToTimer() {
        let next = connection.nextTimer
        guard !isClosed, next != .distantFuture else { return }
        if next > clock.now { clock.advance(by: clock.now.duration(to: next)) }
        passTime()
    }

    private func passTime() {
        guard !isClosed else { return }
        let (expired, directive) = connection.timePassed(now: clock.now)
        for id in expired {
            require(
                inFlight?.id == id && inFlight?.deadline.hasPassed(at: clock.now) == true, "an expired call was past its deadline")
            inFlight = nil
        }
        require(inFlight?.deadline.hasPassed(at: clock.now) != true || isClosed, "a call past its deadline expires")
        note(directive)
    }

    func drain() { if !isClosed { connection.drain(.shutdown, now: clock.now) } }
    func endInput() { if !isClosed, !isAwaitingAnswer { note(connection.endInput()) } }
    func block() { connection.blockOutput(now: clock.now) }
    func unblock() { connection.unblockOutput(now: clock.now) }

    // MARK: - Rules

    private func note(_ started: [StartedCall]) {
        for call in started {
            require(inFlight == nil, "a connection has one call in flight")
            require(call.deadline.instant > clock.now, "a call's deadline is in the future")
            inFlight = call
        }
    }

    private func note(_ directive: ConnectionDirective) {
        takeOutput()
        switch directive {
        case .keep: return
        case .takeTurn:
            isAwaitingAnswer = false
            takeTurns()
        case .serve: require(false, "a connection of HTTP/1.1 is handed over to no protocol")
        case .halfClose: require(inFlight == nil, "the connection half-closes without a call")
        case .close:
            isClosed = true
            inFlight = nil
        }
    }

    /// Checks the rules that hold after every event.
    func settle() {
        if !isClosed { require(connection.callsInFlight == (inFlight == nil ? 0 : 1), "the connection counts the call in flight") }
        takeOutput()
    }

    /// Fires timers until the call has ended.
    func finish() {
        var timers = 0
        while !isClosed, inFlight != nil {
            timers += 1
            require(timers < 10_000, "calls end")
            passTimeToTimer()
        }
        takeOutput()
        require(output.isWhole, "the output consists of whole responses")
        _ = try? decoder.finish()
    }

    private func takeOutput() {
        guard let buffer = connection.takeOutput() else { return }
        output.append(Array(buffer.readableBytesView))
        require(output.count <= requests, "no response without a request")
    }
}

/// The parts that the decoder has made.
private final class Parts: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private var parts: [Result<HTTPServerRequestPart, any Error>] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { parts.append(.success(unwrapInboundIn(data))) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { parts.append(.failure(error)) }

    func take() -> [Result<HTTPServerRequestPart, any Error>] {
        defer { parts = [] }
        return parts
    }
}
