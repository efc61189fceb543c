internal import NIOCore
internal import NIOHTTP1

/// One HTTP/1.1 connection. It passes requests to the emulator one after another, and sends each response as its script says.
final class HTTP1ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let responder: Responder
    private let limits: EmulatorSettings.Limits

    private var context: ChannelHandlerContext?
    private var assembler: RequestAssembler
    private var queue: [HTTPRequestHead] = []
    private var isResponding = false
    private var isStopping = false
    private var runner: ScriptRunner?

    init(responder: Responder, limits: EmulatorSettings.Limits) {
        self.responder = responder
        self.limits = limits
        assembler = RequestAssembler(limits: limits)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        runner?.cancel()
        runner = nil
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isStopping else { return }
        switch assembler.add(unwrapInboundIn(data)) {
        case .incomplete: break
        case .complete(let head): enqueue(head)
        case .tooLong(let status): reject(status: status)
        }
    }

    private func enqueue(_ head: HTTPRequestHead) {
        guard queue.count < limits.pipelinedCalls else {
            context?.close(promise: nil)
            return
        }
        queue.append(head)
        respondToNext()
    }

    private func respondToNext() {
        guard !isResponding, !queue.isEmpty, let context else { return }
        let head = queue.removeFirst()
        let keeps = head.isKeepAlive && head.version == .http1_1
        let shape = RequestShape(isHead: head.method == .HEAD, keepsConnection: keeps)
        start(responder.respond(to: head, shape: shape, writer: self, on: context.eventLoop))
    }

    private func start(_ runner: ScriptRunner) {
        isResponding = true
        self.runner = runner
        runner.run()
    }

    /// Responds to a request that is too long or malformed, and ignores the requests after it.
    private func reject(status: Int) {
        guard let context else { return }
        isStopping = true
        guard !isResponding else {
            context.close(promise: nil)
            return
        }
        let shape = RequestShape(keepsConnection: false)
        start(responder.reject(status: status, shape: shape, writer: self, on: context.eventLoop))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent, is GoAwayEvent: context.close(promise: nil)
        case is ChannelShouldQuiesceEvent:
            isStopping = true
            queue = []
            if !isResponding { context.close(promise: nil) }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// Responds to a malformed request if no other response is on its way. Any other error closes the connection.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow where !isStopping: reject(status: 431)
        case is HTTPParserError where !isStopping: reject(status: 400)
        case is HTTPParserError: break
        default: context.close(promise: nil)
        }
    }
}

extension HTTP1ConnectionHandler: ResponseWriter {
    var connection: (any Channel)? { context?.channel }

    func writeHead(status: Int, headers: [GraphResponse.Header]) {
        // The script has the head among its bytes.
    }

    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(wrapOutboundOut(bytes), promise: promise)
    }

    func flush() {
        context?.flush()
    }

    func endResponse(keepsConnection: Bool) {
        guard let context else { return }
        guard keepsConnection, !isStopping else {
            // Closing discards bytes that are not with the kernel yet.
            return flush(on: context.eventLoop) { self.context?.close(promise: nil) }
        }
        flush()
        isResponding = false
        respondToNext()
    }

    func reset() {
        if let connection { ConnectionReset.perform(on: connection) }
    }
}
