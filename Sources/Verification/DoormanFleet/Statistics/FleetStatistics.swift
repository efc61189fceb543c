package import DoormanCore
internal import DoormanSupport
package import DoormanWire

/// The counters and states of a node.
package struct FleetStatistics: Sendable, Hashable {
    /// What the store says about itself; `nil` while there is no session.
    package var server: StoreServer?
    /// Whether commands of calls are sent to the store.
    package var isResponsive = false
    /// Why the last session could not be opened, or has ended; `nil` if none has failed yet.
    package var lastFailure: String?
    /// The age of the newest time up to which this node knows all revocations; `nil` before it has read the log.
    package var caughtUpAge: Duration?
    /// The position that this node has applied.
    package var position = LogID.zero
    /// Whether this node uses the entries of the store.
    package var usesEntries = false
    /// The live nodes, with this one.
    package var nodes = 1
    /// The revocations of this node that wait for the store.
    package var waitingRevocations = 0
    /// Whether a revocation can't be applied, because the denial list is full.
    package var isDenialListFull = false
    package var counts = FleetCounts()
}

/// The events of a node since its start.
package struct FleetCounts: Sendable, Hashable {
    /// Verdicts taken from the store.
    package var entryHits: UInt64 = 0
    /// Looks into the store that found no verdict to use.
    package var entryMisses: UInt64 = 0
    /// Lookups that waited for the verdict of another node.
    package var waits: UInt64 = 0
    /// Verdicts stored for the other nodes.
    package var entriesShared: UInt64 = 0
    /// Entries that were not used, by reason.
    package var entriesRejected: [EntryRejection: UInt64] = [:]
    /// Records of the log that were not used, by reason.
    package var recordsRejected: [SealError: UInt64] = [:]
    /// Revocations of other nodes that this node has applied.
    package var revocationsApplied: UInt64 = 0
    /// Revocations of this node that the log has acknowledged.
    package var revocationsSent: UInt64 = 0
    /// Records that were lost, as a later record showed. Each time the cache was emptied.
    package var losses: UInt64 = 0
    /// Logs that were read from the beginning of their window.
    package var replays: UInt64 = 0
    /// Sessions that were opened.
    package var sessions: UInt64 = 0
    /// Failed commands and failed attempts to open a session, by their kind.
    package var storeFailures: [StoreFailure: UInt64] = [:]
    package var latency = LatencyHistogram()

    package init() {}
}

/// Why an entry of the store is not used. The names are labels of a metric.
package enum EntryRejection: String, Sendable, Hashable, CaseIterable {
    case malformed
    case unknownSecret = "unknown_secret"
    case forged
    case unreadable
    /// Its writer was in another epoch of the store.
    case epoch
    /// The token or its account was revoked after the provider request, or may have been.
    case revoked
    /// Its provider is configured in another way at its writer.
    case configuration
    /// Its TTL has ended.
    case expired

    init(_ error: SealError) {
        switch error {
        case .malformed: self = .malformed
        case .unknownSecret: self = .unknownSecret
        case .forged: self = .forged
        case .unreadable: self = .unreadable
        }
    }
}

/// The kind of a ``StoreError``. The names are labels of a metric.
package enum StoreFailure: String, Sendable, Hashable, CaseIterable {
    case unavailable
    case timedOut = "timed_out"
    case busy
    case full
    case refused
    case malformed

    init(_ error: StoreError) {
        switch error {
        case .unavailable: self = .unavailable
        case .timedOut: self = .timedOut
        case .busy: self = .busy
        case .full: self = .full
        case .refused: self = .refused
        case .malformed: self = .malformed
        }
    }
}
