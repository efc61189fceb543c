private import DoormanPlatform
package import NIOCore
package import NIOSSL
internal import NIOTLS

/// Checks the name in a server's certificate at the end of the handshake, after NIOSSL has verified the certificate's chain.
///
/// The handshake's event reaches no later handler if the name is wrong, so nothing is written. A callback of NIOSSL would be no better: the
/// public callback replaces the verification of the chain.
final class ServerNameHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let expected: ServerName
    private let tls: NIOSSLClientHandler
    private var hasFailed = false

    init(_ expected: ServerName, _ tls: NIOSSLClientHandler) {
        self.expected = expected
        self.tls = tls
    }

    private var names: [CertificateName] { tls.peerCertificate.map(CertificateName.all) ?? [] }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted? = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
        let names = names
        guard expected.matches(names) else {
            hasFailed = true
            context.fireErrorCaught(ServerNameMismatch(expected: expected, names: names))
            return context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasFailed else { return }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error as? NIOSSLExtraError {
        // NIOSSL's own check of the name comes first. Its error does not say which names the certificate has.
        case .failedToValidateHostname?, .serverHostnameImpossibleToMatch?:
            context.fireErrorCaught(ServerNameMismatch(expected: expected, names: names))
        default:
            context.fireErrorCaught(UntrustedCertificate(error, of: tls.peerCertificate, now: time(nil)) ?? error)
        }
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// Adds TLS of a client. The handshake fails unless the certificate is from a trusted authority and has the server's name.
    ///
    /// - Throws: If the name can't be sent to the server.
    package func addTLSClient(_ context: NIOSSLContext, verifying name: ServerName) throws {
        let tls = try NIOSSLClientHandler(context: context, serverHostname: name.indication)
        try addHandlers(tls, ServerNameHandler(name, tls))
    }
}
