internal import DoormanCore
internal import DoormanSupport
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Waits behind TLS until the handshake is done, and gives its place to the connection's own handler, for only then is it known who
/// calls. Whoever takes too long, or fails, gets no further.
final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let tls: NIOSSLServerHandler
    private let shared: ConnectionHandler.Shared
    private let counters: ServerCounters
    private let timeout: Duration
    private let makeConnection: (Caller) -> ConnectionHandler
    private var deadline: Scheduled<Void>?
    private var isDraining = false
    /// One connection ends for one reason: what follows from it is not told again.
    private var hasFailed = false

    /// - Parameters:
    ///   - tls: The handler before this one.
    ///   - makeConnection: Makes the handler that takes this one's place.
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
        // The connection is told once it is one: a caller that got this far gets its answers.
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
            // A session that is resumed brings the certificate that it began with, which nobody looks at again.
            if let fault = certificate.fault(at: shared.backend.timeSource.wallTime()) {
                fail(.certificateRefused(caller, fault), context)
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
            failure.isEveryday ? .debug : .notice, about: failure.name, "closed a connection: \(failure.explanation)",
            ["peer": "\(context.remoteAddress?.description ?? "unknown")"])
    }
}
