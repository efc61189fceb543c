/// The health of a server, after `grpc.health.v1`.
public enum HealthStatus: Sendable, Hashable, CaseIterable {
    /// It takes calls.
    case serving
    /// It takes none at the moment: it is starting or draining.
    case notServing
    /// It has no service of that name.
    case serviceUnknown
    /// It does not know, or said something that this version does not know.
    case unknown
}
