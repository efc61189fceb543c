/// The TLS configuration of TCP connections: the trusted authorities, and the client's certificate. Unix sockets do not use it.
///
/// The minimum version is TLS 1.2. The client reads the files when it opens a connection, and reads them again when they have changed, so
/// that new connections use replaced files. If a changed file can't be used, the client logs an error and keeps the previous files.
public struct DoormanTLS: Sendable, Hashable {
    /// The authorities whose server certificates are accepted.
    public enum Trust: Sendable, Hashable {
        /// The authorities that the operating system trusts.
        case system
        /// The authorities in a PEM file only.
        case file(path: String)
    }

    /// A client certificate and its private key, both PEM, for mutual TLS (mTLS).
    public struct KeyPair: Sendable, Hashable {
        /// The path of the client's certificate chain, the client's own certificate first.
        public var certificateFile: String
        /// The path of the first certificate's private key.
        public var privateKeyFile: String

        /// Creates a pair of paths. The files are not read yet.
        public init(certificateFile: String, privateKeyFile: String) {
            self.certificateFile = certificateFile
            self.privateKeyFile = privateKeyFile
        }
    }

    /// The authorities whose server certificates are accepted. Default ``Trust/system``.
    public var trust: Trust
    /// The client's certificate and key (mTLS). Default `nil`: the client sends no certificate.
    public var keyPair: KeyPair?
    /// The DNS name that the server's certificate must have, whatever the address of the server is. Default `nil`: the host or IP address
    /// of the target.
    ///
    /// A name must be a DNS name among the certificate's subject alternative names, and an IP address an IP address among them. The common
    /// name has no effect. A wildcard is the whole left-most label and stands for exactly one label.
    public var serverName: String?

    /// Creates a configuration. The files are not read yet.
    public init(trust: Trust = .system, keyPair: KeyPair? = nil, serverName: String? = nil) {
        self.trust = trust
        self.keyPair = keyPair
        self.serverName = serverName
    }
}
