/// The health of a server, after `grpc.health.v1`.
public enum HealthStatus: Sendable, Hashable, CaseIterable {
    /// The server takes calls.
    case serving
    /// The server takes no calls: it is starting or draining.
    case notServing
    /// The server has no service of that name.
    case serviceUnknown
    /// The server does not know its status, or its status is unknown to this version.
    case unknown
}
