internal import NIOCore
internal import NIOSSL

/// How the load's TCP connections speak TLS. Those through a Unix socket are plain: the kernel vouches for both ends.
package struct BenchTLS: Sendable, Hashable {
    /// A certificate to show, and its key.
    package struct KeyPair: Sendable, Hashable {
        /// PEM, with those between it and an authority.
        package var certificateFile: String
        package var privateKeyFile: String

        package init(certificateFile: String, privateKeyFile: String) {
            self.certificateFile = certificateFile
            self.privateKeyFile = privateKeyFile
        }
    }

    /// PEM file of the authorities to trust; nil (the default) for the system's.
    package var authoritiesFile: String?
    /// Nil (the default) to show none.
    package var keyPair: KeyPair?
    /// The name that the server's certificate must be for; nil (the default) for the address's host.
    package var serverName: String?

    package init() {}

    /// How long a server may take to say good-bye as well: 1 s.
    private static let goodbyeTimeout = TimeAmount.seconds(1)

    /// - Throws: If a file can't be used.
    func makeContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.shutdownTimeout = Self.goodbyeTimeout
        if let authoritiesFile {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authoritiesFile))
        }
        if let keyPair {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(keyPair.certificateFile).map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyPair.privateKeyFile, format: .pem))
        }
        return try NIOSSLContext(configuration: configuration)
    }

    /// What the handshake names, and compares the certificate with; nil for the address that was connected to (RFC 6066, section 3).
    func expectedName(at host: String, _ port: Int) -> String? {
        if let serverName { return serverName }
        return (try? SocketAddress(ipAddress: host, port: port)) == nil ? host : nil
    }
}
