internal import DoormanCore
internal import DoormanWire
internal import NIOCore

/// One connection to the server: performs what its state machine says. Confined to its event loop.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var machine: StateMachine
    private var decoder: FrameDecoder
    private let arena: MessageArena
    private let maximumResponseBytes: Int
    /// Frames since the last flush: calls made in the same turn of the loop leave in one write.
    private var outbound = ByteBuffer()
    private var flushIsScheduled = false
    private var context: ChannelHandlerContext?
    private var dispatcher: Dispatcher?
    /// What the server did wrong, if it did.
    private var violation: String?

    init(dispatcher: Dispatcher, settings: DoormanClientSettings) {
        let longest = min(max(64 << 10, settings.maximumResponseBytes), Int(FrameHeader.maximumLength))
        self.maximumResponseBytes = longest
        self.machine = StateMachine(maximumCallsInFlight: max(1, settings.maximumCallsInFlight))
        self.decoder = FrameDecoder(maximumLength: UInt32(longest))
        self.arena = MessageArena(budget: (64 << 10) + 2 * longest)
        self.dispatcher = dispatcher
    }

    /// Whether it was opened and not yet closed.
    var isOpen: Bool { context?.channel.isActive ?? false }

    /// What a call may expect of the connection. A server that does not read counts as full.
    var room: StateMachine.Room {
        guard let context, isOpen else { return .none }
        guard machine.room == .free else { return machine.room }
        return context.channel.isWritable ? .free : .full
    }

    /// - Parameter data: Of the request frame.
    /// - Returns: Nil if the connection has no room.
    func start(_ call: CallID, data: [UInt8], at now: Instant) -> StreamID? {
        guard let context, case .send(let id) = machine.start(call, at: now) else { return nil }
        outbound.writeFrame(.request, streamID: id, data: data)
        if !flushIsScheduled {
            flushIsScheduled = true
            context.eventLoop.assumeIsolated().execute { self.flush() }
        }
        return id
    }

    /// Nobody waits for the call any more; its answer will be ignored.
    func abandon(_ id: StreamID) {
        perform(machine.abandon(id))
    }

    /// Takes no further calls, and closes when the last one in flight has ended.
    func drain() {
        perform(machine.drain())
    }

    func isSilent(for limit: Duration, at now: Instant) -> Bool {
        machine.isSilent(for: limit, at: now)
    }

    /// Closes at once.
    ///
    /// - Returns: When it is closed; nil if it was never open.
    @discardableResult
    func close() -> EventLoopFuture<Void>? {
        context?.close(promise: nil)
        return context?.channel.closeFuture
    }

    private func perform(_ action: StateMachine.CloseAction) {
        switch action {
        case .none: break
        case .close: close()
        }
    }

    private func flush() {
        flushIsScheduled = false
        guard let context, context.channel.isActive, outbound.readableBytes > 0 else { return }
        let frames = outbound
        outbound = ByteBuffer()
        machine.wrote()
        context.writeAndFlush(wrapOutboundOut(frames), promise: nil)
    }
}

extension Connection {
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.dispatcher = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data))
        let now = Instant.now
        while violation == nil, context.channel.isActive, let event = decoder.next() {
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
        dispatcher?.roomChanged()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        dispatcher?.roomChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { dispatcher?.retire(self) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let leftovers = machine.closed()
        dispatcher?.ended(self, leaving: leftovers, violation: violation)
    }

    private func take(_ header: FrameHeader, at now: Instant) {
        // The contract has other types skipped, so that there may be some one day.
        guard header.type == .response else { return }
        switch machine.answered(header.streamID, at: now) {
        case .complete(let call):
            decoder.withData { dispatcher?.answered(call, on: self, $0, in: arena) }
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
