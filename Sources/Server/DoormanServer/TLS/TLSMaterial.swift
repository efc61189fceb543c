/// What TLS is made of: the contents of PEM files, as they were read. Prints nothing of the key.
package struct TLSMaterial: Sendable, Hashable {
    /// What is asked of callers where there are ``clientAuthorities``.
    package enum ClientCertificates: String, Sendable, Hashable, CaseIterable {
        /// A caller without a certificate gets no further than the handshake. The default.
        case required
        /// A caller without a certificate is let in, and has its address for a name, as without authorities. One with a certificate
        /// that is no good is not.
        case optional
    }

    /// The server's own certificate, and behind it those between it and an authority that callers know.
    package var certificateChain: [UInt8]
    /// The key of the server's own certificate, without a passphrase.
    package var privateKey: [UInt8]
    /// Who signs the certificates of callers; nil: they are not asked for any.
    package var clientAuthorities: [UInt8]?
    package var clientCertificates: ClientCertificates

    package init(
        certificateChain: [UInt8], privateKey: [UInt8], clientAuthorities: [UInt8]? = nil,
        clientCertificates: ClientCertificates = .required
    ) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.clientAuthorities = clientAuthorities
        self.clientCertificates = clientCertificates
    }
}

extension TLSMaterial: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "TLSMaterial(\(certificateChain.count + privateKey.count) bytes)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
