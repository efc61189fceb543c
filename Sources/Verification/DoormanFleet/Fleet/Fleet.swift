internal import DoormanCache
internal import DoormanCore
package import DoormanSupport
package import DoormanWire
internal import NIOConcurrencyHelpers

/// A node of a fleet: it shares verdicts and revocations with the other nodes through a store.
///
/// ``run(applyingTo:)`` follows the log of revocations. The cache calls the rest: after a miss, and for a revocation.
package final class Fleet: Sendable {
    /// Everything that changes, behind one lock. No lock is held during a command.
    struct State: Sendable {
        var log: LogState
        var secrets: FleetSecrets
        /// `nil` while there is no connection.
        var session: (any StoreSession)?
        /// The end of the last connection on which the log could be followed.
        var disconnectedAt: Instant
        /// Whether the log could be followed on ``session``.
        var sessionHasWorked = false
        /// The record that showed the last loss.
        var lossShownBy: LogID?
        var isSending = false
        /// Reserved slots of revocations that have not been announced yet.
        var reserved = 0
        var leases: UInt64 = 0
        var isDenialListFull = false
        /// Whether the lasting denials of the store are to be read before the log.
        var needsDenials = true
        var denialsReadAt = Instant(nanoseconds: 0)
        var lastFailure: String?
        var counts = FleetCounts()
        /// The denials that must survive a store that forgets them, by the token's first key.
        var lastingDenials: [TokenKey: Revocation] = [:]

        /// Whether a connection is not to be expected within a call.
        func isCutOff(at now: Instant) -> Bool {
            session == nil && disconnectedAt.duration(to: now) > FleetSettings.longestReconnect
        }
    }

    let store: any SharedStore
    let settings: FleetSettings
    let timeSource: TimeSource
    /// Returns the fingerprint of the configuration of the provider of this name.
    let fingerprint: @Sendable (String) -> [UInt8]
    /// The ids of the secrets that the cache keys of this process are made with, in their order.
    let keySecrets: [SecretID]
    let node: NodeID
    let state: NIOLockedValueBox<State>
    package let gate = RevocationGate(openUntil: Instant(nanoseconds: 0))

    /// - Parameters:
    ///   - node: The id of this run of the node. No other run may have it.
    ///   - fingerprint: Returns what an identity depends on in the configuration of the provider of this name, at most 32 bytes.
    package init(
        store: any SharedStore, secrets: FleetSecrets, node: NodeID, settings: FleetSettings, timeSource: TimeSource,
        fingerprint: @escaping @Sendable (String) -> [UInt8]
    ) {
        self.store = store
        self.settings = settings
        self.timeSource = timeSource
        self.fingerprint = fingerprint
        self.node = node
        keySecrets = secrets.ids
        state = NIOLockedValueBox(
            State(log: LogState(node: node, settings: settings), secrets: secrets, disconnectedAt: timeSource.now()))
    }

    /// Replaces the secrets that seal entries and records. The cache keys stay those of the start.
    package func replaceSecrets(with secrets: FleetSecrets) {
        state.withLockedValue { $0.secrets = secrets }
    }

    package var statistics: FleetStatistics {
        let now = timeSource.now()
        return state.withLockedValue { state in
            var statistics = FleetStatistics()
            statistics.server = state.session?.server
            statistics.isResponsive = state.session?.isResponsive ?? false
            statistics.lastFailure = state.lastFailure
            statistics.caughtUpAge = state.log.caughtUpAt?.duration(to: now)
            statistics.position = state.log.applied
            statistics.usesEntries = state.log.epoch != nil && state.session != nil
            statistics.nodes = 1 + state.log.liveNodes(at: now)
            statistics.waitingRevocations = state.log.outgoing.waiting
            statistics.isDenialListFull = state.isDenialListFull
            statistics.counts = state.counts
            return statistics
        }
    }

    /// Performs a command, and records its latency or its failure.
    func measure<Value>(_ command: () async throws(StoreError) -> Value) async throws(StoreError) -> Value {
        let start = timeSource.now()
        do throws(StoreError) {
            let value = try await command()
            let latency = start.duration(to: timeSource.now())
            state.withLockedValue { $0.counts.latency.record(latency) }
            return value
        } catch {
            count(error)
            throw error
        }
    }

    func count(_ error: StoreError) {
        state.withLockedValue { $0.counts.storeFailures[StoreFailure(error), default: 0] &+= 1 }
    }

    func count(_ rejection: EntryRejection) {
        state.withLockedValue { $0.counts.entriesRejected[rejection, default: 0] &+= 1 }
    }

    /// Returns a random pause within a range of milliseconds.
    func pause(_ milliseconds: ClosedRange<UInt64>) -> Duration {
        let width = milliseconds.upperBound - milliseconds.lowerBound + 1
        return .milliseconds(Int64(milliseconds.lowerBound + settings.roll() % width))
    }
}
