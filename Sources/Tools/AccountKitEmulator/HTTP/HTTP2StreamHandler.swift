internal import NIOCore
internal import NIOHTTP1

/// One stream of an HTTP/2 connection, which is one request. It passes the request to the emulator, and sends the response as its
/// script says. Other streams are affected only by faults of the whole connection.
final class HTTP2StreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let responder: Responder

    private var context: ChannelHandlerContext?
    private var assembler: RequestAssembler
    private var runner: ScriptRunner?

    init(responder: Responder, limits: EmulatorSettings.Limits) {
        self.responder = responder
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
        switch assembler.add(unwrapInboundIn(data)) {
        case .incomplete: break
        case .complete(let head):
            let shape = RequestShape(isHead: head.method == .HEAD, isHTTP2: true)
            start(responder.respond(to: head, shape: shape, writer: self, on: context.eventLoop))
        case .tooLong(let status):
            start(responder.reject(status: status, shape: RequestShape(isHTTP2: true), writer: self, on: context.eventLoop))
        }
    }

    private func start(_ runner: ScriptRunner) {
        self.runner = runner
        runner.run()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

extension HTTP2StreamHandler: ResponseWriter {
    var connection: (any Channel)? { context?.channel.parent }

    func writeHead(status: Int, headers: [GraphResponse.Header]) {
        let fields = HTTPHeaders(headers.map { ($0.name, $0.value) })
        let head = HTTPResponseHead(version: .http2, status: HTTPResponseStatus(statusCode: status), headers: fields)
        context?.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
    }

    func flush() {
        context?.flush()
    }

    func endResponse(keepsConnection: Bool) {
        context?.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func reset() {
        // A stream that is closed before its end is reset (RFC 9113, section 6.4).
        context?.close(promise: nil)
    }
}
