internal import DoormanCore
internal import DoormanFleet
internal import DoormanSupport
internal import Logging
internal import RedisStore

/// The states of the fleet: whether the store is there, and whether this server knows what the others have revoked.
struct FleetStates {
    private let bound: Duration
    private let store: RedisStoreSettings
    /// The first look; `nil` before it.
    private var start: Instant?
    private var counts = FleetCounts()
    /// The process at the other end that was logged last.
    private var server: StoreServer?
    // A store that is lost repeatedly is one state.
    private var unreachable = LoggedState(quietTime: .seconds(10))
    private var refusing = LoggedState(quietTime: .seconds(10))
    private var behind = LoggedState(quietTime: .zero)
    private var foreign = LoggedState(quietTime: .seconds(60))
    private var losses = LoggedState(quietTime: .seconds(60))
    private var full = LoggedState(quietTime: .zero)

    /// - Parameter bound: The revocation bound.
    init(bound: Duration, store: RedisStoreSettings) {
        self.bound = bound
        self.store = store
    }

    /// Logs the states that have begun or ended since the last look.
    mutating func look(_ statistics: FleetStatistics, _ logger: Logger, at now: Instant) {
        let start = start ?? now
        self.start = start
        let (before, after) = (counts, statistics.counts)
        counts = after
        lookAtStore(statistics, since: before, logger, now)
        let age = statistics.caughtUpAge ?? start.duration(to: now)
        Self.lag.log(
            behind.record(0, persists: age > bound, at: now), beginning: ["bound": "\(DurationText.describe(bound))"], to: logger)
        Self.foreignWriter.log(foreign.record(after.foreign &- before.foreign, at: now), to: logger)
        Self.loss.log(losses.record(after.losses &- before.losses, at: now), to: logger)
        Self.fullList.log(
            full.record(0, persists: statistics.isDenialListFull, at: now), beginning: ["setting": "cache.max-denials"], to: logger)
    }

    private mutating func lookAtStore(
        _ statistics: FleetStatistics, since before: FleetCounts, _ logger: Logger, _ now: Instant
    ) {
        var metadata: Logger.Metadata = ["store": .array(store.addresses.map { "\($0)" })]
        var metadataOfFailure = metadata
        if let cause = statistics.lastFailure { metadataOfFailure["cause"] = "\(cause)" }
        // While no session opens, a refusal is about the session, and the store is out of reach.
        let hasSessions = statistics.server != nil || statistics.counts.sessions != before.sessions
        let refusals = hasSessions ? statistics.counts.refusedWrites &- before.refusedWrites : 0
        Self.refusal.log(refusing.record(refusals, at: now), beginning: metadataOfFailure, to: logger)
        // Before the first attempt has ended, nothing is known. A node that is not caught up leaves a store that refuses its writes, and
        // comes back at once: the store is there.
        let isAway =
            statistics.server == nil && (statistics.lastFailure != nil || unreachable.isActive) && !refusing.isActive
        Self.outage.log(unreachable.record(0, persists: isAway, at: now), beginning: metadataOfFailure, to: logger)
        metadata["version"] = statistics.server.map { "\($0.version)" }
        guard let current = statistics.server, current.runID != server?.runID else { return }
        server = current
        logger.info("connected to the fleet's store", metadata: metadata)
        for warning in current.warnings(withSentinel: store.sentinelPrimary != nil) {
            logger.warning("the fleet's store may forget revocations", metadata: ["cause": "\(warning)"])
        }
    }
}

extension FleetCounts {
    /// The commands that the store turned down. Most are writes, which a full store refuses, and a replica.
    fileprivate var refusedWrites: UInt64 { (storeFailures[.full] ?? 0) &+ (storeFailures[.refused] ?? 0) }

    /// The entries and records that no server of the fleet has written.
    fileprivate var foreign: UInt64 {
        let entries = [EntryRejection.malformed, .unknownSecret, .forged, .unreadable].reduce(0) {
            $0 &+ (entriesRejected[$1] ?? 0)
        }
        return recordsRejected.values.reduce(entries, &+)
    }
}

// MARK: - Lines

extension FleetStates {
    private static let outage = StateLines(
        level: .warning, began: "the fleet's store is unreachable: calls go on without the other servers",
        ended: "the fleet's store is reachable again")
    private static let refusal = StateLines(
        level: .error, began: "the fleet's store takes no writes: revocations of this server don't reach the others",
        ended: "the fleet's store takes writes again", events: "refusals")
    private static let lag = StateLines(
        level: .error,
        began: "this server may not know revocations of other servers: entries past the bound and offline tokens are unavailable",
        ended: "this server knows the revocations of other servers again")
    private static let foreignWriter = StateLines(
        level: .error,
        began: "the fleet's store holds what no server of this fleet wrote: the writer lacks the secret, or has the same fleet.tag",
        ended: "the fleet's store no longer shows what no server of this fleet wrote", events: "records")
    private static let loss = StateLines(
        level: .warning, began: "the fleet's log has lost records: the cache was emptied",
        ended: "the fleet's log no longer loses records", events: "losses")
    private static let fullList = StateLines(
        level: .error, began: "the denial list is full: revocations of other servers wait",
        ended: "the denial list has room again for revocations of other servers")
}
