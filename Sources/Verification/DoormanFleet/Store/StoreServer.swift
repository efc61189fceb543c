/// What a store says about itself (`INFO`).
package struct StoreServer: Sendable, Hashable {
    /// How much of its data a store has on disk.
    package enum Persistence: Sendable, Hashable {
        case none
        /// Snapshots: a restart forgets the last seconds or minutes.
        case snapshots
        case appendOnlyFile
    }

    /// The id of the process, which each start and each failover changes.
    package var runID: String
    /// The name and the version, as in `redis 7.0.15`.
    package var version: String
    package var persistence: Persistence
    /// The policy when the memory is full, as in `noeviction` (`maxmemory-policy`).
    package var evictionPolicy: String
    /// The replicas that are connected.
    package var replicas: Int
    /// Whether the primary refuses writes without a replica (`min-replicas-to-write`).
    package var needsReplicas: Bool

    package init(
        runID: String, version: String = "", persistence: Persistence = .none, evictionPolicy: String = "noeviction",
        replicas: Int = 0,
        needsReplicas: Bool = false
    ) {
        self.runID = runID
        self.version = version
        self.persistence = persistence
        self.evictionPolicy = evictionPolicy
        self.replicas = replicas
        self.needsReplicas = needsReplicas
    }
}
