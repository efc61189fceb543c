internal import DoormanFleet

extension StoreServer {
    /// What lets the store lose revocations that it has acknowledged, a sentence each.
    ///
    /// - Parameter withSentinel: Whether Sentinels name the primary.
    func warnings(withSentinel: Bool) -> [String] {
        var warnings: [String] = []
        if evictionPolicy.hasPrefix("allkeys-") {
            warnings.append(
                "maxmemory-policy \(evictionPolicy) can evict the log of revocations: set volatile-lru or volatile-ttl.")
        }
        if persistence == .none {
            warnings.append(
                "The store keeps nothing on disk: after its restart it has only what running servers repeat. Set appendonly yes.")
        }
        if replicas > 0, !needsReplicas {
            warnings.append(
                "A primary that has lost its replicas goes on writing: set min-replicas-to-write 1, so that a split brain ends.")
        }
        if withSentinel, replicas == 0 {
            warnings.append("The primary has no replica, so the Sentinels have none to fail over to.")
        }
        return warnings
    }

    /// The store in one line, for people.
    var summary: String {
        let disk =
            switch persistence {
            case .none: "nothing on disk"
            case .snapshots: "snapshots on disk"
            case .appendOnlyFile: "an append-only file"
            }
        let guarded = needsReplicas ? " and min-replicas-to-write" : ""
        let policy = evictionPolicy.isEmpty ? "an unknown eviction policy" : "maxmemory-policy \(evictionPolicy)"
        return "\(version), with \(disk), \(policy), \(replicas) replicas\(guarded)"
    }
}
