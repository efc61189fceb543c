internal import Logging

/// What all connections of a server share.
struct ConnectionServices: Sendable {
    let backend: any VerificationBackend
    let limits: ConnectionLimits
    let statistics: CoalescedStatisticsReader<[UInt8]>
    let log: RateLimitedLogger
    /// The logger of acts of callers.
    let audit: Logger
    /// The protocols that the listeners speak.
    let protocols: Set<ServerProtocol>
    /// The endpoints of the protocols besides ttrpc.
    let endpoints: [ServerProtocol: any ProtocolEndpoint]
}

/// The path of a connection's outgoing bytes.
enum OutputPath {
    /// Past the channel's pipeline, in which no handler changes outgoing bytes.
    case socket
    /// Through the pipeline, which has TLS.
    case pipeline
}
