internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Waits for the end of the TLS handshake, identifies the caller, and replaces itself with the connection's own handler. It
/// closes connections whose handshake fails or times out.
final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let tls: NIOSSLServerHandler
    private let shared: ConnectionHandler.Shared
    private let counters: ServerCounters
    private let timeout: Duration
    private let makeConnection: (Caller) -> ConnectionHandler
    private var deadline: Scheduled<Void>?
    private var isDraining = false
    /// Whether a failure is reported. Later errors of the same connection only follow from it.
    private var hasFailed = false

    /// - Parameters:
    ///   - tls: The TLS handler in front of this handler.
    ///   - makeConnection: Creates the handler that replaces this one.
    init(
        tls: NIOSSLServerHandler, shared: ConnectionHandler.Shared, counters: ServerCounters, timeout: Duration,
        makeConnection: @escaping (Caller) -> ConnectionHandler
    ) {
        self.tls = tls
        self.shared = shared
        self.counters = counters
        self.timeout = timeout
        self.makeConnection = makeConnection
    }

    func channelActive(context: ChannelHandlerContext) {
        let handler = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: .nanoseconds(timeout.nanoseconds)) {
            let (handler, context) = handler.value
            handler.fail(.timeout, context)
            context.close(promise: nil)
        }
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted: completeHandshake(context)
        // The new handler gets the event after the handshake, so that calls of this caller get a response.
        case is DrainBegan: isDraining = true
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(HandshakeFailure(error, certificate: tls.peerCertificate, now: shared.backend.timeSource.wallTime()), context)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    private func completeHandshake(_ context: ChannelHandlerContext) {
        guard !hasFailed else { return }
        var caller = context.remoteAddress.flatMap(Caller.init(address:)) ?? .unknown
        if let certificate = tls.peerCertificate {
            caller = Caller.named(by: certificate)
            // A resumed session carries the certificate of its first handshake, which TLS does not verify again.
            if let problem = certificate.validityError(at: shared.backend.timeSource.wallTime()) {
                fail(.certificateRejected(caller, problem), context)
                return context.close(promise: nil)
            }
        }
        do {
            try context.pipeline.syncOperations.addHandler(makeConnection(caller), position: .after(self))
        } catch {
            return context.close(promise: nil)
        }
        if isDraining { context.fireUserInboundEventTriggered(DrainBegan()) }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func fail(_ failure: HandshakeFailure, _ context: ChannelHandlerContext) {
        guard !hasFailed else { return }
        hasFailed = true
        deadline?.cancel()
        counters.countClosed(failure.name)
        shared.log.log(
            failure.isRoutine ? .debug : .notice, about: failure.name, "closed a connection",
            ["reason": "\(failure.explanation)", "peer": "\(context.remoteAddress?.description ?? "unknown")"])
    }
}
