internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore
internal import NIOTLS

/// A connection to a server. Performs the actions of its state machine. Confined to its event loop.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Succeeds when the connection can send calls, and fails if it can't be established.
    let established: EventLoopPromise<Void>
    let openedAt: Instant
    private let time: EventLoopTime
    private let speaksTLS: Bool
    private let arena: MessageArena
    private var machine: StateMachine<ClientCall>
    private var decoder: FrameDecoder
    /// The frames since the last write. The calls of one turn of the loop leave in one write.
    private var outbound = ByteBuffer()
    private var flushIsScheduled = false
    private var context: ChannelHandlerContext?
    /// Gets responses and the end of the connection; `nil` after the end.
    private var owner: Subchannel?
    /// The server's protocol violation, if there was one.
    private(set) var violation: String?
    /// The error of the socket, if there was one.
    private(set) var failure: ConnectFailure?

    init(owner: Subchannel, speaksTLS: Bool, configuration: DoormanClientConfiguration, time: EventLoopTime) {
        let longest = configuration.longestResponse
        self.owner = owner
        self.speaksTLS = speaksTLS
        self.time = time
        self.established = time.eventLoop.makePromise()
        self.openedAt = time.now
        self.machine = StateMachine(maximumCallsInFlight: max(1, configuration.maximumCallsInFlight), at: openedAt)
        self.decoder = FrameDecoder(maximumLength: UInt32(longest))
        self.arena = MessageArena(budget: (64 << 10) + 2 * longest)
    }

    var server: Server? { owner?.server }

    /// Whether the socket is open.
    private(set) var isOpen = false
    /// Whether the server reads from the connection.
    private var isWritable = true
    /// Whether the server has not responded to a health check, nor sent anything since.
    var isHung = false

    var callsInFlight: Int { machine.callsInFlight }

    var silentSince: Instant? { machine.silentSince }

    var pingedSince: Instant? { machine.pingedSince }

    /// The moment of the last call.
    var lastUse: Instant { machine.lastUse }

    /// The moment of the last response.
    var lastHeard: Instant { machine.lastHeard }

    /// The connection's capacity for calls. The connection of a server that does not read is full.
    var capacity: StateMachine<ClientCall>.Capacity {
        guard isOpen else { return .none }
        let capacity = machine.capacity
        return capacity == .free && !isWritable ? .full : capacity
    }

    /// The calls without responses, in the order in which they were sent.
    var unanswered: [ClientCall] { machine.unanswered }

    /// Sends a call.
    ///
    /// - Returns: The call's stream; `nil` if the connection has no capacity.
    func start(_ call: ClientCall, at now: Instant) throws(RequestTooLong) -> StreamID? {
        guard isOpen, case .send(let id) = machine.start(call, at: now) else { return nil }
        do throws(RequestTooLong) {
            try call.operation.writeFrame(
                id, timeout: call.deadline.nanosecondsLeft(at: now), metadata: call.metadata, to: &outbound)
        } catch {
            machine.rollbackSend(id)
            throw error
        }
        scheduleFlush()
        return id
    }

    /// Sends a health check, unless a previous health check has no response yet.
    func ping(timeout: Duration) {
        guard isOpen, let id = machine.startPing(at: time.now) else { return }
        // A health check fits into any frame.
        try? Operation.health(service: "").writeFrame(id, timeout: Nanoseconds(timeout), metadata: [], to: &outbound)
        scheduleFlush()
    }

    /// Ignores the response to a call from now on.
    func abandon(_ id: StreamID) {
        perform(machine.abandon(id))
    }

    /// Takes no further calls, and closes when the last one in flight has ended.
    func retire() {
        perform(machine.drain())
    }

    /// Whether it was closed by this client. A connection that is being opened then closes as soon as it is open.
    private(set) var isGivenUp = false

    /// Closes at once.
    ///
    /// - Returns: A future that completes when the connection is closed; `nil` if it was never open.
    @discardableResult
    func close() -> EventLoopFuture<Void>? {
        isGivenUp = true
        context?.close(promise: nil)
        return context?.channel.closeFuture
    }

    private func perform(_ action: StateMachine<ClientCall>.CloseAction) {
        switch action {
        case .none: break
        case .close: close()
        }
    }

    private func scheduleFlush() {
        guard !flushIsScheduled, let context else { return }
        flushIsScheduled = true
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        flushIsScheduled = false
        writeFrames()
    }

    /// The number of frames that are not written yet.
    var unwritten: Int { machine.unwritten }

    /// Writes early if the frames are at least 2 KiB and at least half of the server's calls, so that the server works on them while
    /// further calls are made. A busy server gains nothing by an early write, and each write costs both sides as much as several calls.
    ///
    /// - Parameter callsOfServer: The approximate number of the server's calls, including these.
    func writeIfMuch(of callsOfServer: Int) {
        if outbound.readableBytes >= 2048, unwritten * 2 >= callsOfServer { writeFrames() }
    }

    private func writeFrames() {
        guard let context, isOpen, outbound.readableBytes > 0 else { return }
        let frames = outbound
        // The next turn often needs the same size.
        outbound = context.channel.allocator.buffer(capacity: min(frames.readableBytes, 64 << 10))
        machine.wrote()
        context.writeAndFlush(wrapOutboundOut(frames), promise: nil)
    }
}

extension Connection {
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isOpen = context.channel.isActive
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.owner = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        guard !isGivenUp else { return context.close(promise: nil) }
        isOpen = true
        if !speaksTLS { established.succeed() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { established.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isHung = false
        decoder.append(unwrapInboundIn(data))
        let now = time.now
        while violation == nil, isOpen, let event = decoder.next() {
            switch event {
            case .frame(let header): take(header, at: now)
            case .oversized(let header): take(header, at: now, oversized: true)
            case .violation(let violation): violate(violation.explanation)
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        perform(machine.closeIfFinished())
        owner?.readEnded()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        owner?.capacityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if failure == nil { failure = ConnectFailure(error) }
        established.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        isOpen = false
        established.fail(failure ?? .closedByPeer)
        owner?.ended(self, leaving: machine.closed())
    }

    /// - Parameter oversized: Whether the frame is longer than the limit. Its data are skipped.
    private func take(_ header: FrameHeader, at now: Instant, oversized: Bool = false) {
        // The protocol requires that unknown types are skipped, so that later versions can add some.
        guard header.type == .response else { return }
        switch machine.answered(header.streamID, at: now) {
        case .complete(let call):
            call.removeAttempt(on: self)
            owner?.answered(
                call, oversized ? .tooLong(header.length) : decoder.withData { call.read($0, in: arena) }, on: self)
        case .pong where oversized: violate("the response to a health check has \(header.length) bytes")
        case .pong:
            var response: CallResponse?
            let reply = decoder.withData { Operation.health(service: "").read($0, in: arena, into: &response) }
            owner?.receivedHealth(reply, response, on: self)
        case .ignore: break
        case .violation: violate("stray response on stream \(header.streamID.rawValue)")
        }
    }

    private func violate(_ what: String) {
        violation = what
        close()
    }
}

extension FrameDecoder.Violation {
    fileprivate var explanation: String {
        switch self {
        case .notTTRPC(0x48): "the peer speaks HTTP: this is not a Doorman port"
        case .notTTRPC(0x53): "the peer speaks SSH: this is not a Doorman port"
        case .notTTRPC(0x15), .notTTRPC(0x16): "the peer speaks TLS: configure the client with TLS"
        case .notTTRPC(let firstByte): "the peer sent a first byte of \(firstByte), which is not a ttrpc frame"
        case .frameTooLong(let length): "the peer sent a frame length of \(length) bytes, above the limit of ttrpc"
        }
    }
}

extension DoormanClientConfiguration {
    /// The maximum length of a response, within the limits of ``maximumResponseBytes``.
    var longestResponse: Int { min(max(64 << 10, maximumResponseBytes), Int(FrameHeader.maximumLength)) }
}
