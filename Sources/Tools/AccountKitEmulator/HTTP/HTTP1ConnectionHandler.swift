internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// One HTTP/1.1 connection: hands each request to the emulation, one after another, and sends what comes back when it says so.
final class HTTP1ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private struct Pending {
        let call: GraphRequest
        let form: RequestShape
    }

    private let responder: Responder
    private let limits: EmulatorSettings.Limits

    private var context: ChannelHandlerContext?
    private var head: HTTPRequestHead?
    private var bodyBytes = 0
    private var queue: [Pending] = []
    private var isAnswering = false
    private var isStopping = false
    private let run = ScriptRunner()

    init(responder: Responder, limits: EmulatorSettings.Limits) {
        self.responder = responder
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        run.cancel()
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
        let call = responder.call(of: head)
        let keeps = head.isKeepAlive && head.version == .http1_1
        queue.append(Pending(call: call, form: RequestShape(isHead: head.method == .HEAD, keepsConnection: keeps)))
        answerNext()
    }

    private func answerNext() {
        guard !isAnswering, !queue.isEmpty else { return }
        isAnswering = true
        let next = queue.removeFirst()
        let answer = responder.answer(next.call, next.form)
        perform(answer.script, completion: answer.noteEnd)
    }

    private func perform(_ script: ResponseScript, completion: @escaping () -> Void = {}) {
        guard let context else { return }
        run.start(script, on: context.eventLoop, write: write) { end in self.finish(end, completion) }
    }

    private func write(_ step: ResponseScript.Step) {
        guard let context else { return }
        switch step {
        // There are no such steps over HTTP/1.1.
        case .wait, .head: break
        case .send(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        case .fill(let count):
            for piece in ScriptRunner.filling(count) { context.write(wrapOutboundOut(piece), promise: nil) }
            context.flush()
        }
    }

    private func finish(_ end: ResponseScript.End, _ completion: () -> Void) {
        guard let context else { return }
        switch end {
        case .never: return
        case .reset, .resetConnection:
            let sent = context.eventLoop.makePromise(of: Void.self)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
            ConnectionReset.perform(on: context.channel, after: sent.futureResult)
        case .keep where !isStopping:
            completion()
            isAnswering = false
            return answerNext()
        case .keep, .close, .goAway: context.close(promise: nil)
        }
        completion()
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
        let answer = GraphResponse.html(status: status, "The request is too long or is no HTTP.")
        perform(ResponseScript(answer, for: RequestShape(keepsConnection: false)))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent: context.close(promise: nil)
        case is ChannelShouldQuiesceEvent:
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
