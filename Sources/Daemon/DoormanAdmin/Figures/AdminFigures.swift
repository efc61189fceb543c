package import DoormanCore

/// Everything that the metrics and the status page read, at one moment. Both are pure functions of it.
package struct AdminFigures: Sendable {
    package var statistics: ServerStatistics
    package var details: AdminDetails
    package var readiness: Readiness
    package var process: ProcessFigures

    package init(
        statistics: ServerStatistics = ServerStatistics(), details: AdminDetails = AdminDetails(), readiness: Readiness = .ready,
        process: ProcessFigures = ProcessFigures()
    ) {
        self.statistics = statistics
        self.details = details
        self.readiness = readiness
        self.process = process
    }
}

/// Whether the server should get calls. An outage of a provider does not change it, because another server has the same provider.
package enum Readiness: Sendable, Hashable {
    case ready
    /// Not all listeners are open yet.
    case starting
    /// The first request to some provider has not ended yet.
    case awaitingProviders
    case draining

    /// The cause in words, for people and for the body of `/readyz`.
    package var text: String {
        switch self {
        case .ready: "ready"
        case .starting: "not ready: not all listeners are open yet"
        case .awaitingProviders: "not ready: the first request to a provider has not ended yet"
        case .draining: "not ready: draining"
        }
    }
}

/// What the admin pages show. Its methods must not block.
package protocol AdminSource: Sendable {
    /// Reads the statistics on every event loop. It does not return while an event loop is blocked.
    func statistics() async -> ServerStatistics
    /// Reads what the statistics sum up or lack, as ``statistics()`` does.
    func details() async -> AdminDetails
    /// Whether the server should get calls.
    var readiness: Readiness { get }
    /// The active settings with their origins, without any secret.
    var configuration: String { get }
}
