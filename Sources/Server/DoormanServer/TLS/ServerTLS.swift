package import DoormanCore
internal import NIOConcurrencyHelpers
internal import NIOSSL
internal import NIOSSLExtras

/// Certificate, key and authorities, read and found to fit each other: what handshakes are made with.
package struct ServerTLS: Sendable {
    /// What an operator should know though it keeps nobody from starting: certificates whose time is over or yet to come. The clock may
    /// be what is wrong, and it is for callers to judge them.
    package let warnings: [String]
    /// When the server's own certificate ends.
    package let certificateExpiry: Timestamp
    /// What it was made of.
    package let material: TLSMaterial
    /// Sessions are sealed with keys of its own, so that none outlives it: whoever resumes one was verified by these authorities.
    let context: NIOSSLContext

    /// - Parameter now: When the times of certificates are judged.
    /// - Throws: ``InvalidTLSError`` that says all that is wrong, by setting. It repeats nothing of what the files hold.
    package init(_ material: TLSMaterial, now: Timestamp) throws(InvalidTLSError) {
        var problems: [String] = []
        let chain = Self.certificates(material.certificateChain, Self.certificateSetting, &problems)
        let authorities = material.clientAuthorities.map { Self.certificates($0, Self.authoritiesSetting, &problems) }
        let key = Self.key(material.privateKey, &problems)
        guard problems.isEmpty, let key, let own = chain.first else { throw InvalidTLSError(problems: problems) }
        guard KeyPair.belongTogether(privateKey: key, certificate: own) != false else {
            throw InvalidTLSError(problems: [
                "\(Self.keySetting): it is not the key of the first certificate in \(Self.certificateSetting)"
            ])
        }
        let configuration = Self.configuration(chain, key, authorities, material.clientCertificates)
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            throw InvalidTLSError(problems: ["\(Self.keySetting): TLS can't be made of it and \(Self.certificateSetting) together"])
        }
        self.context = context
        self.material = material
        certificateExpiry = own.expiry
        warnings =
            Self.warnings(of: chain, Self.certificateSetting, now)
            + Self.warnings(of: authorities ?? [], Self.authoritiesSetting, now)
    }

    private static let certificateSetting = "tls.certificate-file"
    private static let keySetting = "tls.private-key-file"
    private static let authoritiesSetting = "tls.client-ca-file"

    private static func certificates(_ bytes: [UInt8], _ setting: String, _ problems: inout [String]) -> [NIOSSLCertificate] {
        if let certificates = bytes.isEmpty ? nil : try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty {
            return certificates
        }
        problems.append("\(setting): it holds no certificate in PEM form, or one that can't be read")
        return []
    }

    private static func key(_ bytes: [UInt8], _ problems: inout [String]) -> NIOSSLPrivateKey? {
        if let key = bytes.isEmpty ? nil : try? NIOSSLPrivateKey(bytes: bytes, format: .pem) { return key }
        // "ENCRYPTED PRIVATE KEY" of RFC 7468, "Proc-Type: 4,ENCRYPTED" of RFC 1421.
        let isEncrypted = String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED")
        problems.append(
            isEncrypted
                ? "\(keySetting): the key is encrypted, and there is nobody to ask for its passphrase"
                : "\(keySetting): it holds no private key in PEM form")
        return nil
    }

    private static func configuration(
        _ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey, _ authorities: [NIOSSLCertificate]?,
        _ clientCertificates: TLSMaterial.ClientCertificates
    ) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        // Those of TLS 1.2 with forward secrecy and authenticated encryption; those of 1.3 all have both.
        configuration.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        // BoringSSL would still take SHA-1 of a caller that speaks TLS 1.2.
        configuration.verifySignatureAlgorithms = [
            .ecdsaSecp256R1Sha256, .ed25519, .rsaPssRsaeSha256, .rsaPkcs1Sha256, .ecdsaSecp384R1Sha384, .rsaPssRsaeSha384,
            .rsaPkcs1Sha384, .rsaPssRsaeSha512, .rsaPkcs1Sha512,
        ]
        configuration.renegotiationSupport = .none
        // How long a peer may take to say good-bye as well. Drains end no later for it.
        configuration.shutdownTimeout = .seconds(1)
        guard let authorities else { return configuration }
        configuration.trustRoots = .certificates(authorities)
        // So that a caller with several certificates sends the right one.
        configuration.sendCANameList = true
        switch clientCertificates {
        // Callers are not hosts: their names are for whoever lists them.
        case .required: configuration.certificateVerification = .noHostnameVerification
        case .optional: configuration.certificateVerification = .optionalVerification
        }
        return configuration
    }

    private static func warnings(of certificates: [NIOSSLCertificate], _ setting: String, _ now: Timestamp) -> [String] {
        certificates.enumerated().compactMap { index, certificate in
            guard let fault = certificate.fault(at: now) else { return nil }
            return "\(setting): certificate \(index + 1) of \(certificates.count) \(fault)"
        }
    }
}

/// All that is wrong with what TLS should be made of.
package struct InvalidTLSError: Error, Sendable, Hashable, CustomStringConvertible {
    package let problems: [String]

    package var description: String { problems.joined(separator: "\n") }
}

extension NIOSSLCertificate {
    var expiry: Timestamp { Timestamp(millisecondsSince1970: 1000 * Int64(notValidAfter)) }

    /// What is wrong with its time, in words; nil if nothing is.
    func fault(at now: Timestamp) -> String? {
        if expiry < now { return "has expired" }
        if now < Timestamp(millisecondsSince1970: 1000 * Int64(notValidBefore)) { return "is not valid yet" }
        return nil
    }
}

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

extension TLSMaterial: Redacted {
    package var description: String { "TLSMaterial(\(certificateChain.count + privateKey.count) bytes)" }
}

/// What the next handshake is made with. Connections keep what theirs was made with.
final class ReloadableTLSContext: Sendable {
    private let current: NIOLockedValueBox<ServerTLS>

    init(_ tls: ServerTLS) {
        current = NIOLockedValueBox(tls)
    }

    var value: ServerTLS {
        get { current.withLockedValue { $0 } }
        set { current.withLockedValue { $0 = newValue } }
    }
}
