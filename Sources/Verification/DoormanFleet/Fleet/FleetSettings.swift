package import DoormanCache
internal import DoormanSupport

/// The limits and times of a fleet.
package struct FleetSettings: Sendable {
    /// When a revocation is acknowledged to its caller.
    package enum Acknowledgement: Sendable, Hashable {
        /// Once this node has read its record back from the log. Other nodes apply it within ``FleetSettings/revocationBound``.
        case log
        /// Once every live node has applied it, or can no longer serve what it would have removed.
        case fleet
    }

    /// The longest time for which a node serves an entry without knowing of a revocation. From 2 s to 1 h.
    package var revocationBound: Duration
    package var acknowledgement = Acknowledgement.log
    /// The time for which a record of the log matters: as long as a token can be served from a provider request before the revocation.
    package var retention: Duration
    /// The time between two looks into the log. Default 50 ms.
    package var pollInterval = Duration.milliseconds(50)
    /// The time between two looks for lasting denials that the store has lost. Default 30 s.
    package var denialsInterval = Duration.seconds(30)
    /// Returns 64 random bits, for pauses. Only simulations pass others than the default.
    package var roll: @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }

    /// - Parameters:
    ///   - bound: The revocation bound.
    ///   - cache: The settings of the nodes' caches.
    ///   - callTimeout: The default deadline of calls.
    package init(revocationBound bound: Duration, cache: CacheSettings, callTimeout: Duration) {
        revocationBound = bound
        retention = max(cache.longestServingTime, bound) + callTimeout + Self.clockSkew * 2
    }

    /// The revocation bound by default: losing the store then costs nothing until entries would end anyway.
    package static func defaultBound(cache: CacheSettings, callTimeout: Duration) -> Duration {
        // The jitter is a fraction, so the sum has a rounding error far below a millisecond.
        .milliseconds(((cache.longestLifetime + callTimeout) / .milliseconds(1)).rounded())
    }

    /// The time between two heartbeats of a node.
    var heartbeatInterval: Duration { min(.seconds(1), revocationBound / 4) }

    /// The maximum time for which a node keeps records for another one.
    static let longestRetention = Duration.seconds(31 * 86_400)
    /// The time by which the clocks of two nodes may differ.
    static let clockSkew = Duration.seconds(5)
    /// The time between two rounds of tidying up, and between two looks for a log that was cut. Shorter than ``joinTime``: a node that starts
    /// beside such a log waits no longer for what the others repeat.
    var maintenanceInterval: Duration { min(.seconds(2), revocationBound / 4) }
    /// The time for which other nodes leave a token to the node that asks the provider.
    static let leaseLifetime = Duration.milliseconds(2500)
    /// The time for which a node waits for what the other nodes repeat, before it counts as caught up with a log that may have lost records.
    static let joinTime = Duration.seconds(5)
    /// The time between two looks for the verdict of another node, in milliseconds.
    static let waitMilliseconds: ClosedRange<UInt64> = 20...50
    /// The time until the next attempt to reach the store, in milliseconds. It doubles with each failure.
    static let reconnectMilliseconds: ClosedRange<UInt64> = 50...1000
    /// The time before the deadline of a revocation at which its caller hears that the store does not have it.
    static let answerTime = Duration.milliseconds(100)
    /// The time without a connection after which no revocation waits for one.
    static let longestReconnect = Duration.seconds(1)
    /// The longest time for which a node that stops sends the revocations that wait.
    static let leaveTime = Duration.seconds(2)
    /// The maximum revocations of calls that wait for the store. What a store has lost is repeated beyond it, and bounded by the denial list.
    package static let maximumWaitingRevocations = 10_000
    /// The maximum records that are read at once.
    static let batch = 512
    /// The shortest time without records that is remembered: longer than the time between two heartbeats.
    static let shortestGap = Duration.seconds(2)
    /// The maximum times without records that are remembered. Beyond it, trimming can be taken for a cut, which costs a replay.
    static let maximumGaps = 1000
    /// The maximum nodes that are known at a time, live or gone.
    static let maximumNodes = 1000
    /// The maximum revocations of one node that are known to be missing.
    static let maximumMissing = 1000
    /// The maximum epochs in one log whose beginnings are remembered. A later epoch counts as one that has just begun.
    static let maximumEpochs = 100
    /// The maximum heartbeats of this node that have not been read back. Older ones no longer make it caught up.
    static let maximumHeartbeats = 64
    /// The time between two attempts to apply a revocation that the denial list has no room for.
    static let fullListPause = Duration.seconds(1)
}
