/// The status that a health check returns. The numbers are those of `grpc.health.v1`.
package enum ServingStatus: UInt32, Sendable, Hashable, CaseIterable {
    case unknown = 0
    case serving = 1
    case notServing = 2
    case serviceUnknown = 3
}
