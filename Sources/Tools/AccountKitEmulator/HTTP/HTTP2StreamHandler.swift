internal import NIOCore
internal import NIOHTTP1

/// One stream of an HTTP/2 connection, which is one call: hands it to the emulation, and sends what comes back when it says so.
/// Whatever happens to it leaves the other streams alone, but for a fault that is about the connection.
final class HTTP2StreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let responder: Responder
    private let limits: EmulatorSettings.Limits

    private var context: ChannelHandlerContext?
    private var head: HTTPRequestHead?
    private var bodyBytes = 0
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
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            if head.uri.utf8.count > limits.headBytes { refuse(status: 414) }
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            if bodyBytes > limits.bodyBytes { refuse(status: 413) }
        case .end:
            guard let head else { return }
            self.head = nil
            let form = RequestShape(isHead: head.method == .HEAD, isHTTP2: true)
            let answer = responder.answer(responder.call(of: head), form)
            perform(answer.script, completion: answer.noteEnd)
        }
    }

    private func perform(_ script: ResponseScript, completion: @escaping () -> Void = {}) {
        guard let context else { return }
        run.start(script, on: context.eventLoop, write: write) { end in self.finish(end, completion) }
    }

    private func write(_ step: ResponseScript.Step) {
        guard let context else { return }
        switch step {
        case .wait: context.flush()
        case .head(let status, let headers):
            let fields = HTTPHeaders(headers.map { ($0.name, $0.value) })
            let head = HTTPResponseHead(version: .http2, status: HTTPResponseStatus(statusCode: status), headers: fields)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
        case .send(let bytes): context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
        case .fill(let count):
            for piece in ScriptRunner.filling(count) { context.write(wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil) }
        }
    }

    private func finish(_ end: ResponseScript.End, _ completion: () -> Void) {
        guard let context else { return }
        switch end {
        case .never: return
        case .keep, .close:
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .reset:
            // A stream that is closed before its end is reset (RFC 9113, section 6.4).
            sent(context).assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        case .resetConnection:
            if let connection = context.channel.parent { ConnectionReset.perform(on: connection, after: sent(context)) }
        case .goAway:
            let connection = context.channel.parent
            sent(context).whenComplete { _ in
                connection?.pipeline.fireUserInboundEventTriggered(HTTP2ConnectionHandler.GoAwayEvent())
            }
        }
        completion()
    }

    /// When all that was written is with the kernel.
    private func sent(_ context: ChannelHandlerContext) -> EventLoopFuture<Void> {
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: sent)
        return sent.futureResult
    }

    /// Answers a request that is too long, and reads no more of it.
    private func refuse(status: Int) {
        head = nil
        perform(ResponseScript(.html(status: status, "The request is too long or is no HTTP."), for: RequestShape(isHTTP2: true)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
