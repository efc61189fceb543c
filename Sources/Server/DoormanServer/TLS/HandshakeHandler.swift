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

    private let tls: TLSHandshake
    private let services: ConnectionServices
    private let dispatcher: RequestDispatcher
    /// Counts the connection among those of its address until the handshake ends.
    private var permit: ConnectionPermit?
    private let timeout: Duration
    private var deadline: Scheduled<Void>?
    private var drainBegan: DrainBegan?
    /// Whether a failure is reported. Later errors of the same connection only follow from it.
    private var hasFailed = false

    /// - Parameters:
    ///   - tls: The handshake, whose handler stands in front of this handler.
    ///   - permit: Counts the connection among those of its address.
    init(
        tls: TLSHandshake, services: ConnectionServices, dispatcher: RequestDispatcher, permit: ConnectionPermit,
        timeout: Duration
    ) {
        self.tls = tls
        self.services = services
        self.dispatcher = dispatcher
        self.permit = permit
        self.timeout = timeout
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
        case TLSUserEvent.handshakeCompleted(let negotiated): completeHandshake(context, negotiated)
        // The certificate is not known yet. It is checked after the handshake.
        case let drain as DrainBegan where drain.cause == .certificateRefused: break
        // The new handler gets the event after the handshake, so that calls of this caller get a response.
        case let drain as DrainBegan: drainBegan = drain
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(
            HandshakeFailure(error, certificate: tls.handler.peerCertificate, now: services.backend.timeSource.wallTime()), context)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    /// - Parameter negotiated: The protocol of ALPN; `nil` if the peer offers none that the server speaks.
    private func completeHandshake(_ context: ChannelHandlerContext, _ negotiated: String?) {
        guard !hasFailed else { return }
        var caller = context.remoteAddress.flatMap(Caller.init(address:)) ?? .unknown
        var certificateLifetime: Duration?
        if let certificate = tls.handler.peerCertificate {
            caller = Caller.named(by: certificate)
            let now = services.backend.timeSource.wallTime()
            // A resumed session carries the certificate of its first handshake, which TLS does not verify again.
            if let problem = certificate.validityError(at: now) {
                fail(.certificateRejected(caller, problem), context)
                return context.close(promise: nil)
            }
            certificateLifetime = .milliseconds(certificate.expiry.millisecondsSince1970 - now.millisecondsSince1970)
        }
        dispatcher.counters.countCompletedHandshake()
        if tls.isRefusedSince(tls.handler.peerCertificate) { drainBegan = DrainBegan(cause: .certificateRefused) }
        permit = nil
        let callerContext = dispatcher.context(for: caller)
        let accepted = AcceptedConnection(
            services: services, dispatcher: dispatcher, caller: callerContext, path: .pipeline,
            localAddress: context.localAddress,
            certificateLifetime: certificateLifetime)
        guard let accepted else {
            fail(.tooManyConnections(caller, limit: callerContext.connectionLimit), context)
            return context.close(promise: nil)
        }
        let agreed = negotiated.flatMap { name in ServerProtocol.allCases.first { $0.alpnIdentifier == name } }
        // The identifiers that TLS offers are those of the protocols that the server speaks.
        guard let handlers = accepted.makeHandlers(for: agreed) else { return context.close(promise: nil) }
        do {
            try context.pipeline.syncOperations.addHandlers(handlers, position: .after(self))
        } catch {
            return context.close(promise: nil)
        }
        if let drainBegan { context.fireUserInboundEventTriggered(drainBegan) }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func fail(_ failure: HandshakeFailure, _ context: ChannelHandlerContext) {
        guard !hasFailed else { return }
        hasFailed = true
        deadline?.cancel()
        dispatcher.counters.countClosed(failure.name)
        dispatcher.counters.countFailedHandshake()
        services.log.log(
            failure.isRoutine ? .debug : .notice, about: failure.name, "closed a connection",
            ["reason": "\(failure.explanation)", "peer": "\(context.remoteAddress?.text ?? "unknown")"])
    }
}
