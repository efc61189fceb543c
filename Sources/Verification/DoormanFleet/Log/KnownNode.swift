internal import DoormanSupport
internal import DoormanWire

/// What this node knows of another node from the log.
struct KnownNode: Sendable {
    /// The number of the node's last revocation that is known to exist.
    var lastRevocation: UInt64
    /// The number of its last revocation from before this node knew it. Any up to this one is applied when it comes: the author sends a record
    /// again that the store has lost.
    let lastBefore: UInt64
    /// The numbers of its revocations that must be in the log and are not, with the times at which that was noticed.
    var missing: [UInt64: Instant] = [:]
    var lastHeartbeat: UInt64 = 0
    /// The position that the node says it has applied.
    var applied = LogID.zero
    /// The time of its last heartbeat or, before the first, of its first record, on this node's clock.
    var heardAt: Instant
    var hasLeft = false
    /// The epoch whose log has all its revocations, as its last heartbeat says.
    var epoch: String?
    /// The time for which it needs records.
    var retention = Duration.zero

    /// - Parameter lastBefore: The number of its last revocation that has not been read.
    init(lastBefore: UInt64, heardAt: Instant) {
        self.lastBefore = lastBefore
        lastRevocation = lastBefore
        self.heardAt = heardAt
    }

    /// What a number of a revocation means.
    enum Arrival: Hashable {
        case next
        /// It is known already.
        case repeated
        /// It was missing, or may not have been read.
        case late
        /// At least one before it has been lost.
        case afterLoss
    }

    func arrival(of number: UInt64) -> Arrival {
        if missing[number] != nil || number <= lastBefore { return .late }
        if number <= lastRevocation { return .repeated }
        return number == lastRevocation + 1 ? .next : .afterLoss
    }

    /// Notes that the node's revocations up to a number exist.
    ///
    /// - Parameter isMissing: Whether the last of them has not been read either.
    mutating func advance(to number: UInt64, lastIsMissing isMissing: Bool, now: Instant) {
        let first = lastRevocation + 1
        guard number >= first else { return }
        for lost in first...number where isMissing || lost < number {
            guard missing.count < FleetSettings.maximumMissing else { break }
            missing[lost] = now
        }
        lastRevocation = number
    }
}
