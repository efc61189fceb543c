internal import DoormanCore
internal import DoormanFleet

extension MetricCatalogue {
    /// The metrics of the fleet. A server of no fleet has none of them.
    static let fleet: [Metric] = fleetStates + fleetEntries + fleetLog + fleetStore

    private static let fleetStates: [Metric] = [
        fleet(.gauge, "doorman_fleet_up", "Whether the server has a session with the fleet's store.") {
            .condition($0.server != nil)
        },
        fleet(.gauge, "doorman_fleet_responsive", "Whether the store answers within fleet.command-timeout.") {
            .condition($0.isResponsive)
        },
        Metric(
            .gauge, "doorman_fleet_caught_up",
            "Whether the server knows every revocation of the fleet that is older than fleet.revocation-bound."
        ) { $0.details.fleet.map { .condition($0.isCaughtUp) } },
        Metric(
            .gauge, "doorman_fleet_caught_up_age_seconds",
            "Time since which the server may not know revocations of other servers. Absent until it has read the log."
        ) { $0.details.fleet?.statistics.caughtUpAge.map { .seconds($0) } },
        Metric(.gauge, "doorman_fleet_revocation_bound_seconds", "The setting fleet.revocation-bound.") {
            $0.details.fleet.map { .seconds($0.revocationBound) }
        },
        Metric(
            .gauge, "doorman_fleet_position_timestamp_seconds",
            "Time of the last record of the log that the server has applied, by the store's clock, in seconds of Unix time."
        ) { $0.details.fleet.map { .number(Double($0.statistics.position.milliseconds) / 1000) } },
        fleet(.gauge, "doorman_fleet_servers", "Live servers of the fleet that the server knows, with itself.") {
            .count(UInt64(max(0, $0.nodes)))
        },
        fleet(.gauge, "doorman_fleet_denial_list_full", "Whether a revocation waits for room in the denial list.") {
            .condition($0.isDenialListFull)
        },
        Metric(.gauge, "doorman_fleet_store_info", ["version"], "Always 1. The label has the store's name and version.") {
            figures in
            (figures.details.fleet?.statistics.server).map { [Metric.Series([$0.version], .count(1))] } ?? []
        },
    ]

    private static let fleetEntries: [Metric] = [
        counter("doorman_fleet_entry_hits_total", "Verdicts of other servers that were taken from the store.", \.entryHits),
        counter("doorman_fleet_entry_misses_total", "Looks into the store that found no verdict to use.", \.entryMisses),
        counter("doorman_fleet_waits_total", "Lookups that got the verdict that another server was about to store.", \.waits),
        counter("doorman_fleet_entries_shared_total", "Verdicts that were stored for the other servers.", \.entriesShared),
        rejections(
            "doorman_fleet_entries_rejected_total", "Verdicts in the store that were not used, by the reason.", \.entriesRejected),
    ]

    private static let fleetLog: [Metric] = [
        rejections(
            "doorman_fleet_records_rejected_total", "Records of the log that were not used, by the reason.", \.recordsRejected),
        counter(
            "doorman_fleet_revocations_applied_total", "Revocations of other servers that were applied.", \.revocationsApplied),
        counter("doorman_fleet_revocations_sent_total", "Revocations of this server that the log has.", \.revocationsSent),
        fleet(.gauge, "doorman_fleet_revocations_waiting", "Revocations of this server that wait for the store.") {
            .count(UInt64(max(0, $0.waitingRevocations)))
        },
        counter("doorman_fleet_losses_total", "Times when the log had lost a record. Each emptied the cache.", \.losses),
        counter("doorman_fleet_replays_total", "Times when the log was read from the beginning of its window.", \.replays),
    ]

    private static let fleetStore: [Metric] = [
        counter("doorman_fleet_sessions_total", "Sessions with the store that were opened.", \.sessions),
        rejections(
            "doorman_fleet_store_failures_total", by: "kind", "Failed commands and attempts to open a session, by their kind.",
            \.storeFailures),
        fleet(.histogram, "doorman_fleet_store_duration_seconds", "Time to the store's reply to a command.") {
            .latencies($0.counts.latency.snapshot)
        },
    ]

    /// A metric of the fleet without labels.
    private static func fleet(
        _ kind: Metric.Kind, _ name: String, _ help: String, value: @escaping @Sendable (FleetStatistics) -> Metric.Value
    ) -> Metric {
        Metric(kind, name, help) { ($0.details.fleet?.statistics).map(value) }
    }

    private static func counter(
        _ name: String, _ help: String, _ count: any KeyPath<FleetCounts, UInt64> & Sendable
    ) -> Metric {
        fleet(.counter, name, help) { .count($0.counts[keyPath: count]) }
    }

    /// A counter for each reason. All reasons have a series from the start, so that an increase from zero is seen.
    private static func rejections<Reason: CaseIterable & Hashable & RawRepresentable<String> & Sendable>(
        _ name: String, by label: String = "reason", _ help: String,
        _ counts: any KeyPath<FleetCounts, [Reason: UInt64]> & Sendable
    ) -> Metric {
        Metric(.counter, name, [label], help) { figures in
            guard let fleet = figures.details.fleet?.statistics else { return [] }
            return Reason.allCases.map { Metric.Series([$0.rawValue], .count(fleet.counts[keyPath: counts][$0] ?? 0)) }
        }
    }
}
