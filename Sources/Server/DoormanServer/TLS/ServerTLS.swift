package import DoormanCore
internal import NIOConcurrencyHelpers
internal import NIOSSL
internal import NIOSSLExtras

/// Certificate, private key and authorities, parsed and checked for consistency. Handshakes use them.
package struct ServerTLS: Sendable {
    /// Certificates that have expired or are not valid yet. They do not prevent a start: the server's clock may be wrong, and
    /// callers verify the certificate themselves.
    package let warnings: [String]
    /// The time at which the first certificate of the server's chain expires: its own, or an intermediate.
    package let certificateExpiry: Timestamp
    /// The time from which all certificates of the server's chain are valid.
    package let certificateNotBefore: Timestamp
    /// The PEM material of this configuration.
    package let material: TLSMaterial
    /// The authorities of callers' certificates; `nil` if the server requests none.
    let authorities: [NIOSSLCertificate]?
    /// The times at which ``authorities`` expire.
    private let authorityExpiries: [Timestamp]
    private let configuration: TLSConfiguration
    /// The TLS context. It seals session tickets with its own keys, so that no session outlives the authorities that verified its
    /// caller.
    let context: NIOSSLContext

    /// - Parameter now: The time at which certificate validity is checked.
    /// - Throws: ``InvalidTLSError`` with all problems, by setting. It contains nothing of the files' contents.
    package init(_ material: TLSMaterial, now: Timestamp) throws(InvalidTLSError) {
        var problems: [String] = []
        let chain = Self.certificates(material.certificateChain, Self.certificateSetting, &problems)
        let authorities = material.clientAuthorities.map { Self.certificates($0, Self.authoritiesSetting, &problems) }
        let key = Self.key(material.privateKey, &problems)
        guard problems.isEmpty, let key, let own = chain.first else { throw InvalidTLSError(problems: problems) }
        guard KeyPair.belongTogether(privateKey: key, certificate: own) != false else {
            throw InvalidTLSError(problems: [
                "\(Self.keySetting): the key does not match the first certificate in \(Self.certificateSetting)"
            ])
        }
        let configuration = Self.configuration(chain, key, authorities, material.clientCertificates)
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            throw InvalidTLSError(problems: ["\(Self.keySetting): TLS does not accept it together with \(Self.certificateSetting)"])
        }
        self.configuration = configuration
        self.context = context
        self.authorities = authorities
        self.material = material
        certificateExpiry = chain.map(\.expiry).min() ?? own.expiry
        certificateNotBefore = chain.map(\.notBefore).max() ?? own.notBefore
        authorityExpiries = (authorities ?? []).map(\.expiry)
        warnings =
            Self.warnings(of: chain, Self.certificateSetting, now)
            + Self.warnings(of: authorities ?? [], Self.authoritiesSetting, now)
    }

    private init(_ other: ServerTLS, _ configuration: TLSConfiguration, _ context: NIOSSLContext) {
        (warnings, material) = (other.warnings, other.material)
        (certificateNotBefore, certificateExpiry) = (other.certificateNotBefore, other.certificateExpiry)
        (authorities, authorityExpiries) = (other.authorities, other.authorityExpiries)
        self.configuration = configuration
        self.context = context
    }

    /// Returns whether all certificates of the server's chain are valid.
    package func isCertificateValid(at now: Timestamp) -> Bool { certificateNotBefore <= now && now <= certificateExpiry }

    /// Returns the time at which the next authority of callers' certificates expires. If all have expired, the time of the last one. `nil`
    /// without authorities. An old authority may stay beside its successor, so one that has expired counts only if no other is left.
    package func authorityExpiry(at now: Timestamp) -> Timestamp? {
        authorityExpiries.filter { $0 >= now }.min() ?? authorityExpiries.max()
    }

    /// Returns the same configuration, which agrees on one of these protocols with peers that offer one by ALPN (RFC 7301). The first bytes
    /// tell the protocol of other peers.
    func offering(_ protocols: Set<ServerProtocol>) throws -> ServerTLS {
        var configuration = configuration
        configuration.applicationProtocols = ServerProtocol.allCases.filter(protocols.contains).map(\.alpnIdentifier)
        return ServerTLS(self, configuration, try NIOSSLContext(configuration: configuration))
    }

    private static let certificateSetting = "tls.certificate-file"
    private static let keySetting = "tls.private-key-file"
    private static let authoritiesSetting = "tls.client-ca-file"

    private static func certificates(_ bytes: [UInt8], _ setting: String, _ problems: inout [String]) -> [NIOSSLCertificate] {
        if let certificates = bytes.isEmpty ? nil : try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty {
            return certificates
        }
        problems.append("\(setting): contains no PEM certificate, or one that can't be parsed")
        return []
    }

    private static func key(_ bytes: [UInt8], _ problems: inout [String]) -> NIOSSLPrivateKey? {
        if let key = bytes.isEmpty ? nil : try? NIOSSLPrivateKey(bytes: bytes, format: .pem) { return key }
        // "ENCRYPTED PRIVATE KEY" of RFC 7468, "Proc-Type: 4,ENCRYPTED" of RFC 1421.
        let isEncrypted = String(decoding: bytes, as: UTF8.self).contains("ENCRYPTED")
        problems.append(
            isEncrypted
                ? "\(keySetting): the key is encrypted, which is not supported: decrypt it with openssl pkey"
                : "\(keySetting): contains no PEM private key")
        return nil
    }

    private static func configuration(
        _ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey, _ authorities: [NIOSSLCertificate]?,
        _ clientCertificates: TLSMaterial.ClientCertificates
    ) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        // The TLS 1.2 suites with forward secrecy and authenticated encryption. All TLS 1.3 suites have both.
        configuration.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        // BoringSSL would otherwise accept SHA-1 signatures from TLS 1.2 callers.
        configuration.verifySignatureAlgorithms = [
            .ecdsaSecp256R1Sha256, .ed25519, .rsaPssRsaeSha256, .rsaPkcs1Sha256, .ecdsaSecp384R1Sha384, .rsaPssRsaeSha384,
            .rsaPkcs1Sha384, .rsaPssRsaeSha512, .rsaPkcs1Sha512,
        ]
        configuration.renegotiationSupport = .none
        // Maximum wait for the peer's close_notify. It does not delay a drain.
        configuration.shutdownTimeout = .seconds(1)
        guard let authorities else { return configuration }
        configuration.trustRoots = .certificates(authorities)
        // Lets a caller with several certificates choose the right one.
        configuration.sendCANameList = true
        switch clientCertificates {
        // Callers are not hosts. The caller policy decides about their names.
        case .required: configuration.certificateVerification = .noHostnameVerification
        case .optional: configuration.certificateVerification = .optionalVerification
        }
        return configuration
    }

    /// Returns a warning for each certificate of a PEM text that has expired or is not valid yet.
    package static func validityWarnings(ofPEM bytes: [UInt8], setting: String, now: Timestamp) -> [String] {
        warnings(of: (try? NIOSSLCertificate.fromPEMBytes(bytes)) ?? [], setting, now)
    }

    private static func warnings(of certificates: [NIOSSLCertificate], _ setting: String, _ now: Timestamp) -> [String] {
        certificates.enumerated().compactMap { index, certificate in
            guard let problem = certificate.validityError(at: now) else { return nil }
            return "\(setting): certificate \(index + 1) of \(certificates.count) \(problem)"
        }
    }
}

/// All problems of TLS material that can't be used.
package struct InvalidTLSError: Error, Sendable, Hashable, CustomStringConvertible {
    package let problems: [String]

    package var description: String { problems.joined(separator: "\n") }
}

extension NIOSSLCertificate {
    var expiry: Timestamp { Timestamp(millisecondsSince1970: 1000 * Int64(notValidAfter)) }

    var notBefore: Timestamp { Timestamp(millisecondsSince1970: 1000 * Int64(notValidBefore)) }

    /// Returns the problem with the certificate's validity period, for messages; `nil` if it is valid.
    func validityError(at now: Timestamp) -> String? {
        if expiry < now { return "has expired" }
        if now < notBefore { return "is not valid yet" }
        return nil
    }
}

/// The contents of the PEM files. The description contains nothing of the key.
package struct TLSMaterial: Sendable, Hashable {
    /// Whether callers need a certificate if there are ``clientAuthorities``.
    package enum ClientCertificates: String, Sendable, Hashable, CaseIterable {
        /// A caller without a certificate fails the handshake. The default.
        case required
        /// A caller without a certificate is accepted and named by its address, as without authorities. A caller with an invalid
        /// certificate fails the handshake.
        case optional
    }

    /// The server's own certificate, followed by the intermediate certificates up to an authority that callers trust.
    package var certificateChain: [UInt8]
    /// The private key of the server's own certificate, not encrypted.
    package var privateKey: [UInt8]
    /// The authorities that issue callers' certificates; `nil` if the server requests none.
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

/// The TLS configuration of new handshakes. Open connections keep theirs.
final class ReloadableTLSContext: Sendable {
    private let current: NIOLockedValueBox<ServerTLS>
    private let protocols: Set<ServerProtocol>

    /// - Parameter protocols: The protocols that ALPN offers.
    init(_ tls: ServerTLS, offering protocols: Set<ServerProtocol>) {
        self.protocols = protocols
        current = NIOLockedValueBox(Self.offering(protocols, tls))
    }

    var value: ServerTLS {
        get { current.withLockedValue { $0 } }
        set {
            let tls = Self.offering(protocols, newValue)
            current.withLockedValue { $0 = tls }
        }
    }

    private static func offering(_ protocols: Set<ServerProtocol>, _ tls: ServerTLS) -> ServerTLS {
        // BoringSSL has accepted the same configuration before. Without ALPN the first bytes tell the protocol.
        (try? tls.offering(protocols)) ?? tls
    }
}
