private import Glibc
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// One connection: hands each request to the emulation, one after another, and sends what comes back when it says so.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    /// Told to a channel when the emulator stops: finish what is being answered, then close.
    struct StopEvent: Sendable {}

    private struct Pending {
        let call: Call
        let form: RequestForm
    }

    private let respond: @Sendable (Call, RequestForm) -> Emulation.Outcome
    private let scheme: String
    private let limits: EmulatorSettings.Limits
    private let logger: Logger

    private var context: ChannelHandlerContext?
    private var head: HTTPRequestHead?
    private var bodyBytes = 0
    private var queue: [Pending] = []
    private var isAnswering = false
    private var isStopping = false
    private var timer: Scheduled<Void>?

    init(
        scheme: String, limits: EmulatorSettings.Limits, logger: Logger,
        respond: @escaping @Sendable (Call, RequestForm) -> Emulation.Outcome
    ) {
        self.scheme = scheme
        self.limits = limits
        self.logger = logger
        self.respond = respond
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isStopping else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            bodyBytes = 0
            if head.uri.utf8.count > limits.headBytes { refuse(status: 414) }
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            if bodyBytes > limits.bodyBytes { refuse(status: 413) }
        case .end:
            guard let head else { return }
            self.head = nil
            enqueue(head)
        }
    }

    private func enqueue(_ head: HTTPRequestHead) {
        guard queue.count < limits.pipelinedCalls else {
            context?.close(promise: nil)
            return
        }
        let host = head.headers.first(name: "Host") ?? "127.0.0.1"
        let call = Call(method: head.method.rawValue, target: head.uri, origin: "\(scheme)://\(host)")
        let keeps = head.isKeepAlive && head.version == .http1_1
        queue.append(Pending(call: call, form: RequestForm(isHead: head.method == .HEAD, keepsConnection: keeps)))
        answerNext()
    }

    private func answerNext() {
        guard !isAnswering, !queue.isEmpty else { return }
        isAnswering = true
        let next = queue.removeFirst()
        let start = NIODeadline.now()
        let outcome = respond(next.call, next.form)
        perform(outcome.delivery, from: 0) { [logger] in
            logger.debug(
                "answered",
                metadata: [
                    "method": "\(next.call.method)", "endpoint": "\(outcome.name)", "status": "\(outcome.delivery.status)",
                    "milliseconds": "\((NIODeadline.now() - start).nanoseconds / 1_000_000)",
                ])
        }
    }

    /// Takes the steps of a delivery that follow the first `index`.
    private func perform(_ delivery: Delivery, from index: Int, _ completion: @escaping () -> Void) {
        guard let context else { return }
        for position in index..<delivery.steps.count {
            switch delivery.steps[position] {
            case .send(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            case .fill(let count): fill(count, context)
            case .wait(let time):
                timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) {
                    self.perform(delivery, from: position + 1, completion)
                }
                return
            }
        }
        finish(delivery.end, context, completion)
    }

    private func finish(_ end: Delivery.End, _ context: ChannelHandlerContext, _ completion: () -> Void) {
        switch end {
        case .never: return
        case .reset: reset(context)
        case .keep where !isStopping:
            completion()
            isAnswering = false
            return answerNext()
        case .keep, .close: context.close(promise: nil)
        }
        completion()
    }

    /// Many bytes that share the memory of a few.
    private func fill(_ count: Int, _ context: ChannelHandlerContext) {
        let piece = ByteBuffer(repeating: UInt8(ascii: "a"), count: min(count, 65_536))
        var left = count
        while left > 0 {
            let slice = piece.getSlice(at: 0, length: min(left, piece.readableBytes)) ?? piece
            context.write(wrapOutboundOut(slice), promise: nil)
            left -= slice.readableBytes
        }
        context.flush()
    }

    /// Closes with a TCP reset once the bytes before it are with the kernel, below TLS, which would say good-bye first.
    private func reset(_ context: ChannelHandlerContext) {
        let socket = context.channel as? any SocketOptionProvider
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            let set = socket?.setSoLinger(linger(l_onoff: 1, l_linger: 0)) ?? context.eventLoop.makeSucceededVoidFuture()
            set.assumeIsolated().whenComplete { _ in
                let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
                (tls ?? context).close(promise: nil)
            }
        }
    }

    /// Answers a request that is too long, and nothing after it.
    private func refuse(status: Int) {
        guard let context else { return }
        isStopping = true
        head = nil
        guard !isAnswering else {
            context.close(promise: nil)
            return
        }
        isAnswering = true
        let answer = Answer.html(status: status, "The request is too long or is no HTTP.")
        perform(Delivery(answer, for: RequestForm(keepsConnection: false)), from: 0) {}
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent: context.close(promise: nil)
        case is StopEvent:
            isStopping = true
            queue = []
            if !isAnswering { context.close(promise: nil) }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// A broken request gets an answer where one can be given; whatever else goes wrong with a connection ends it quietly.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow where !isStopping: refuse(status: 431)
        case is HTTPParserError where !isStopping: refuse(status: 400)
        case is HTTPParserError: break
        default: context.close(promise: nil)
        }
    }
}
