internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore
internal import NIOTLS

/// A connection to a server. Performs the actions of its state machine. Confined to its event loop.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// When calls can be made, or why there will be none.
    let established: EventLoopPromise<Void>
    let openedAt: Instant
    private let time: EventLoopTime
    private let speaksTLS: Bool
    private let maximumResponseBytes: Int
    private let arena: MessageArena
    private var machine: StateMachine<ClientCall>
    private var decoder: FrameDecoder
    /// Frames since the last flush: calls made in the same turn of the loop leave in one write.
    private var outbound = ByteBuffer()
    private var flushIsScheduled = false
    private var context: ChannelHandlerContext?
    /// Who hears of answers and of the end. Nil once it has ended.
    private var owner: Subchannel?
    /// What the server did wrong, if it did.
    private(set) var violation: String?
    /// What went wrong with the socket, if it did.
    private(set) var failure: ConnectFailure?

    init(owner: Subchannel, speaksTLS: Bool, configuration: DoormanClientConfiguration, time: EventLoopTime) {
        let longest = min(max(64 << 10, configuration.maximumResponseBytes), Int(FrameHeader.maximumLength))
        self.owner = owner
        self.speaksTLS = speaksTLS
        self.time = time
        self.established = time.eventLoop.makePromise()
        self.openedAt = time.now
        self.maximumResponseBytes = longest
        self.machine = StateMachine(maximumCallsInFlight: max(1, configuration.maximumCallsInFlight), at: openedAt)
        self.decoder = FrameDecoder(maximumLength: UInt32(longest))
        self.arena = MessageArena(budget: (64 << 10) + 2 * longest)
    }

    var server: Server? { owner?.server }

    /// Whether it was opened and not yet closed.
    private(set) var isOpen = false
    /// Whether the server reads what is sent to it.
    private var isWritable = true
    /// Whether it did not even answer a health call, and nothing has come since.
    var isHung = false

    var callsInFlight: Int { machine.callsInFlight }

    var silentSince: Instant? { machine.silentSince }

    var pingedSince: Instant? { machine.pingedSince }

    /// When a call was last made on it.
    var lastUse: Instant { machine.lastUse }

    /// When an answer last came on it.
    var lastHeard: Instant { machine.lastHeard }

    /// What a call may expect of the connection. A server that does not read counts as full.
    var capacity: StateMachine<ClientCall>.Capacity {
        guard isOpen else { return .none }
        let capacity = machine.capacity
        return capacity == .free && !isWritable ? .full : capacity
    }

    /// The calls that wait for answers, in the order in which they were made.
    var unanswered: [ClientCall] { machine.unanswered }

    /// - Returns: Nil if the connection has no room.
    /// - Throws: If the call doesn't fit into a frame.
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

    /// Asks the server for its health, unless that is asked already.
    func ping(timeout: Duration) {
        guard isOpen, let id = machine.startPing(at: time.now) else { return }
        // A health call fits into any frame.
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

    /// Closes at once.
    ///
    /// - Returns: When it is closed; nil if it was never open.
    @discardableResult
    func close() -> EventLoopFuture<Void>? {
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

    /// How many frames have still to be written.
    var unwritten: Int { machine.unwritten }

    /// Writes what there is if it is worth a write, and much beside what the server has to do, so that it is at work on that while further
    /// calls are made. A server that has enough to do gains nothing by it, and each write costs both sides as much as several calls.
    ///
    /// - Parameter callsOfServer: About how many calls there are for the server, these included.
    func writeIfMuch(of callsOfServer: Int) {
        if outbound.readableBytes >= 2048, unwritten * 2 >= callsOfServer { writeFrames() }
    }

    private func writeFrames() {
        guard let context, isOpen, outbound.readableBytes > 0 else { return }
        let frames = outbound
        // As much again will soon be wanted.
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
            case .oversized(let header):
                violate("an answer of \(header.length) bytes is longer than \(maximumResponseBytes) (maximumResponseBytes)")
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
        owner?.roomChanged()
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

    private func take(_ header: FrameHeader, at now: Instant) {
        // The contract has other types skipped, so that there may be some one day.
        guard header.type == .response else { return }
        switch machine.answered(header.streamID, at: now) {
        case .complete(let call):
            call.removeAttempt(on: self)
            owner?.answered(call, decoder.withData { call.read($0, in: arena) }, on: self)
        case .pong:
            var response: CallResponse?
            let reply = decoder.withData { Operation.health(service: "").read($0, in: arena, into: &response) }
            owner?.receivedHealth(reply, response, on: self)
        case .ignore: break
        case .violation: violate("an answer to call \(header.streamID.rawValue), which was not made or was answered before")
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
        case .notTTRPC(0x48): "it answers in HTTP: this is no Doorman port"
        case .notTTRPC(0x53): "it answers like SSH: this is no Doorman port"
        case .notTTRPC(0x15), .notTTRPC(0x16): "it answers in TLS"
        case .notTTRPC(let firstByte): "its answer begins with byte \(firstByte), no ttrpc frame does"
        case .frameTooLong(let length): "a frame claims \(length) bytes, more than ttrpc allows"
        }
    }
}
