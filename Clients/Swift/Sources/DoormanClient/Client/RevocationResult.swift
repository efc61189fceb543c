/// The outcome of a revocation, which goes to every server of the client.
public struct RevocationResult: Sendable, Hashable {
    /// A server that did not confirm the revocation, and the reason.
    public struct Failure: Sendable, Hashable {
        /// The server.
        public let server: ServerAddress
        /// The reason.
        public let error: DoormanError

        /// Creates a failure. The client creates these; create your own for tests only.
        public init(server: ServerAddress, error: DoormanError) {
            self.server = server
            self.error = error
        }
    }

    /// The servers that confirmed it. From now on, they reject the token or the account's tokens.
    public let confirmed: [ServerAddress]
    /// The servers that could not be reached: no connection, shutting down, no response before the deadline, or a malformed one. They may
    /// accept a revoked token until their cached entry ends.
    public let unreachable: [Failure]
    /// The servers that answered with an error, and the calls that this client did not make or gave up: because the task was cancelled, the
    /// client was closed, or too many calls waited. Empty if the revocation succeeded, because any such error fails it.
    public let failed: [Failure]
    /// The position of the revocation, if the servers share a revocation log; otherwise `nil`.
    ///
    /// Pass it as `notBefore` to the `verify` calls that follow the revocation, also in other programs. After the servers' revocation bound
    /// it has no effect: drop it then. The deletion of an account has one only if the client has several servers.
    public let position: RevocationPosition?

    /// Creates a result. The client creates these; create your own for tests only.
    public init(
        confirmed: [ServerAddress], unreachable: [Failure] = [], failed: [Failure] = [], position: RevocationPosition? = nil
    ) {
        self.confirmed = confirmed
        self.unreachable = unreachable
        self.failed = failed
        self.position = position
    }
}

/// The address of one server.
public struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
    /// The target that the client was given.
    public let target: DoormanTarget
    /// The server's IP address if the target is a name; otherwise `nil`.
    public let ipAddress: String?

    /// Creates an address. The client creates these; create your own for tests only.
    public init(target: DoormanTarget, ipAddress: String? = nil) {
        self.target = target
        self.ipAddress = ipAddress
    }

    /// The target, followed by the IP address if there is one: `doorman.internal:7117 (10.0.0.7)`.
    public var description: String { ipAddress.map { "\(target) (\($0))" } ?? target.description }
}

extension ServerAddress {
    init(_ server: Server) {
        self.init(target: server.target, ipAddress: server.hostName == nil ? nil : server.address.ipAddress)
    }
}
