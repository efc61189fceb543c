internal import DoormanCrypto
internal import NIOCore
internal import NIOSSL

extension ServerTLS {
    private var requiresCertificates: Bool { authorities != nil && material.clientCertificates == .required }

    /// Returns whether this configuration accepts every caller that the other one accepts.
    func acceptsAll(of other: ServerTLS) -> Bool {
        guard let authorities else { return true }
        return Set(authorities).isSuperset(of: other.authorities ?? []) && (!requiresCertificates || other.requiresCertificates)
    }

    /// Returns a function that checks callers' certificates by the authorities, each certificate once. `nil` is a caller without one.
    ///
    /// A certificate that was issued by an intermediate is accepted only if the intermediate is among the authorities: after the
    /// handshake, NIOSSL does not hold the intermediates any more. Its connection drains, and its caller connects again.
    func certificateCheck() -> (NIOSSLCertificate?) -> Bool {
        let certificates = try? authorities?.map { try $0.toDERBytes() }
        let checker = ClientAuthorities(certificates: certificates ?? [])
        return { [requiresCertificates] certificate in
            guard let certificate else { return !requiresCertificates }
            return (try? certificate.toDERBytes()).flatMap { checker?.accept($0) } ?? false
        }
    }
}

/// A TLS handshake of a server whose configuration can be replaced at any time.
struct TLSHandshake {
    /// The configuration of new handshakes.
    private let current: ReloadableTLSContext
    /// The configuration of this handshake.
    private let own: ServerTLS
    let handler: NIOSSLServerHandler

    init(_ tls: ReloadableTLSContext) {
        current = tls
        own = tls.value
        handler = NIOSSLServerHandler(context: own.context)
    }

    /// Returns whether authorities that came after the beginning of the handshake refuse the certificate.
    func isRefusedSince(_ certificate: NIOSSLCertificate?) -> Bool {
        let new = current.value
        return new.context !== own.context && !new.acceptsAll(of: own) && !new.certificateCheck()(certificate)
    }
}

extension ConnectionRegistry {
    /// Drains the connections whose callers' certificates the new authorities refuse.
    ///
    /// The certificates are read on their event loops and checked elsewhere, since each check takes about as long as a hundred cache
    /// hits.
    func drainRefused(by tls: ServerTLS) async {
        let accepts = tls.certificateCheck()
        for channel in all {
            do {
                let certificate = try await channel.eventLoop.submit {
                    try channel.pipeline.syncOperations.nioSSL_peerCertificate()
                }.get()
                guard !accepts(certificate) else { continue }
                // Waits for the event loop, so that no call is admitted after the reload has ended.
                try await channel.eventLoop.submit {
                    channel.pipeline.syncOperations.fireUserInboundEventTriggered(DrainBegan(cause: .certificateRefused))
                }.get()
            } catch {
                // A connection without TLS, or one that has just ended.
            }
        }
    }
}
