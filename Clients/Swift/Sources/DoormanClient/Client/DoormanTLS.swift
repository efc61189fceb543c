/// How a client proves a server's identity, and its own, on TCP connections. Connections through a Unix socket have no need of it.
///
/// TLS 1.2 at least. The files are read when a connection is opened, and again when they have changed: replace them, and new
/// connections use them. One that can't be read then is complained about in the log, and what was read before stays in use.
public struct DoormanTLS: Sendable, Hashable {
    /// Whose word counts on who a server is.
    public enum Trust: Sendable, Hashable {
        /// The authorities that the operating system trusts.
        case system
        /// The authorities in a PEM file, and no others.
        case file(path: String)
    }

    /// A certificate and its key, both PEM. What a server with a client CA wants to see.
    public struct KeyPair: Sendable, Hashable {
        /// The client's certificate, then those that lead from it to the authority.
        public var certificateFile: String
        /// The private key of the first certificate.
        public var privateKeyFile: String

        /// Reads nothing yet.
        public init(certificateFile: String, privateKeyFile: String) {
            self.certificateFile = certificateFile
            self.privateKeyFile = privateKeyFile
        }
    }

    /// Whose word counts on who a server is. Default ``Trust/system``.
    public var trust: Trust
    /// Who this client is (mTLS). Nil: it does not say. Default nil.
    public var keyPair: KeyPair?
    /// The DNS name that the server's certificate must hold. Nil: the host, or address, that is connected to. Default nil.
    public var serverName: String?

    /// Reads nothing yet.
    public init(trust: Trust = .system, keyPair: KeyPair? = nil, serverName: String? = nil) {
        self.trust = trust
        self.keyPair = keyPair
        self.serverName = serverName
    }
}
