internal import DoormanServer
internal import NIOCore
internal import NIOHTTP1

/// A connection of the admin listener. It answers one request after the other: `HTTPServerPipelineHandler` holds further ones back.
///
/// One deadline is armed at any time, for what the connection waits for.
final class AdminConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// Waits for the end of a head.
        case idle
        /// Has a head, and waits for the end of the request, which follows at once because there is no body.
        case receiving(HTTPRequestHead)
        /// Waits for the page of this request.
        case answering(HTTPRequestHead, number: Int)
        /// Writes a response that keeps the connection open. The next request may already begin.
        case writing
        /// The last response is written. What still arrives is dropped.
        case closing
    }

    private let pages: AdminPages
    private let settings: AdminSettings
    private let waiting: WaitingConnections
    private let endsAfterResponse: Bool
    private var state = State.idle
    /// Whether bytes of the next request have arrived.
    private var hasBegunRequest = false
    private var hasEndedInput = false
    private var requests = 0
    private var deadline: Scheduled<Void>?

    /// - Parameters:
    ///   - waiting: Has the connection while it waits for a request.
    ///   - endsAfterResponse: Whether the connection ends after its first response, because others need its descriptor.
    init(_ pages: AdminPages, _ settings: AdminSettings, _ waiting: WaitingConnections, endsAfterResponse: Bool) {
        self.pages = pages
        self.settings = settings
        self.waiting = waiting
        self.endsAfterResponse = endsAfterResponse
    }

    // MARK: - Events

    func channelActive(context: ChannelHandlerContext) {
        closeAfter(settings.headTimeout, context)
        waiting.add(context.channel)
        context.fireChannelActive()
    }

    /// Bytes have arrived, before they are decoded.
    func noteBytes(context: ChannelHandlerContext) {
        guard case .idle = state, !hasBegunRequest else { return }
        hasBegunRequest = true
        closeAfter(settings.headTimeout, context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .idle), (.head(let head), .writing):
            if head.hasBody {
                answer(AdminResponse(.payloadTooLarge, "a request must not have a body\n"), to: head, keepsAlive: false, context)
            } else {
                state = .receiving(head)
                waiting.remove(context.channel)
            }
        case (.end, .receiving(let head)): begin(head, context)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .idle, .writing: break
        case .receiving, .answering: return context.close(promise: nil)
        case .closing: return
        }
        // The errors of the decoder. It reads nothing after them.
        if case HTTPParserError.headerOverflow = error {
            answer(AdminResponse(.requestHeaderFieldsTooLarge, "the head of the request is too long\n"), context)
        } else if case HTTPParserError.invalidEOFState = error {
            context.close(promise: nil)
        } else if error is HTTPParserError {
            answer(AdminResponse(.badRequest, "the request violates HTTP/1.1\n"), context)
        } else {
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        hasEndedInput = true
        switch state {
        case .idle, .receiving, .closing: context.close(promise: nil)
        case .answering, .writing: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    // MARK: - Responses

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        requests += 1
        let number = requests
        state = .answering(head, number: number)
        let request = AdminRequest(
            method: head.method, target: head.uri, hosts: head.headers["host"],
            isOnLoopback: context.channel.localAddress?.isLoopback ?? false)
        let promise = context.eventLoop.makePromise(of: AdminResponse.self)
        promise.completeWithTask { [pages] in await pages.response(to: request) }
        promise.futureResult.assumeIsolated().whenSuccess { response in
            guard case .answering(_, number) = self.state else { return }
            let keepsAlive = head.isKeepAlive && !self.hasEndedInput && !self.endsAfterResponse
            self.answer(response, to: head, keepsAlive: keepsAlive, context)
        }
        arm(settings.answerTimeout, context) { handler, context in
            guard case .answering(let head, number) = handler.state else { return }
            handler.answer(
                AdminResponse(
                    .serviceUnavailable, "no answer within \(handler.settings.answerTimeout): an event loop does not answer\n"),
                to: head, keepsAlive: false, context)
        }
    }

    /// Answers what is no request, and ends the connection.
    private func answer(_ response: AdminResponse, _ context: ChannelHandlerContext) {
        answer(response, to: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"), keepsAlive: false, context)
    }

    private func answer(
        _ response: AdminResponse, to request: HTTPRequestHead, keepsAlive: Bool, _ context: ChannelHandlerContext
    ) {
        state = keepsAlive ? .writing : .closing
        waiting.remove(context.channel)
        hasBegunRequest = false
        closeAfter(settings.writeTimeout, context)
        var headers = response.headers
        if !keepsAlive {
            headers.add(name: "Connection", value: "close")
        } else if request.version.minor == 0 {
            headers.add(name: "Connection", value: "keep-alive")
        }
        let head = HTTPResponseHead(version: .http1_1, status: response.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil) }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { result in
            if case .failure = result { return context.close(promise: nil) }
            self.didWrite(context)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    private func didWrite(_ context: ChannelHandlerContext) {
        switch state {
        case .writing:
            guard !hasEndedInput else { return context.close(promise: nil) }
            state = .idle
            waiting.add(context.channel)
            closeAfter(settings.idleTimeout, context)
        case .closing:
            // Closing at once would reset the connection if bytes are unread, and the peer might never see the response.
            if hasEndedInput { context.close(promise: nil) } else { context.close(mode: .output, promise: nil) }
        case .idle, .receiving, .answering: break
        }
    }

    // MARK: - The deadline

    private func closeAfter(_ time: Duration, _ context: ChannelHandlerContext) {
        arm(time, context) { _, context in context.close(promise: nil) }
    }

    private func arm(
        _ time: Duration, _ context: ChannelHandlerContext,
        _ action: @escaping (AdminConnectionHandler, ChannelHandlerContext) -> Void
    ) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) { action(self, context) }
    }
}

/// Stands before the decoder, which tells nothing about an incomplete head.
final class AdminReadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// The maximum bytes of a read.
    private static let maximumReadBytes = 4096

    private let connection: AdminConnectionHandler

    init(_ connection: AdminConnectionHandler) {
        self.connection = connection
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let allocator = FixedSizeRecvByteBufferAllocator(capacity: Self.maximumReadBytes)
        try? context.channel.syncOptions?.setOption(.recvAllocator, value: allocator)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.noteBytes(context: context)
        context.fireChannelRead(data)
    }
}

extension HTTPRequestHead {
    /// Whether the request announces a body.
    fileprivate var hasBody: Bool {
        headers.contains(name: "Transfer-Encoding") || headers["Content-Length"].contains { $0 != "0" }
    }
}
