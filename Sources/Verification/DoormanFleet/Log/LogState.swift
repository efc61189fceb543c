internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// What a node knows from the log. A pure value: it is told what was read and sent, and the time.
///
/// Order of events for a record: ``examine(_:)``, then its effect on the cache, then ``finish(_:at:keys:now:)``. So the position never says more
/// than the cache knows.
struct LogState: Sendable {
    let node: NodeID
    let settings: FleetSettings

    /// The epoch whose log has been read to its end; `nil` while it is read. Entries of the store are used only in an epoch.
    private(set) var epoch: String?
    /// The first id of the log at the last look; that of the first record if there was none. `nil` before the first record.
    private var firstID: LogID?
    /// The times without records: the last id before one and the first after it. They stay when nodes trim what is before.
    private var gaps: [(last: LogID, next: LogID)] = []
    /// Whether a log has been read to its end before.
    private(set) var hasHistory = false
    /// The position up to which the log has been applied.
    private(set) var applied = LogID.zero
    /// Entries whose writer had applied less are not used.
    private(set) var floor = LogID.zero
    /// The time at which this node sent its newest heartbeat that it has read back; `nil` before the first.
    private(set) var caughtUpAt: Instant?
    /// A heartbeat sent before this time does not make this node caught up.
    private var catchesUpAfter = Instant(nanoseconds: 0)
    /// The send time of the newest heartbeat that was read back, or the start of the wait. `nil` unless this node waits for others to repeat lost
    /// records.
    private var joinSeenAt: Instant?
    /// For each epoch, the first heartbeat that names it.
    private var epochStarts: [String: LogID] = [:]
    /// Until this time, nodes that the log does not name may still serve entries.
    private var knowsNodesAfter = Instant(nanoseconds: 0)
    private(set) var index = RevocationIndex()
    private(set) var nodes: [NodeID: KnownNode] = [:]

    /// The times at which heartbeats were sent that have not been read back.
    private var heartbeatsSent: [UInt64: Instant] = [:]
    private var heartbeatNumber: UInt64 = 0
    private var lastHeartbeatAt: Instant?
    /// Whether a revocation was applied since the last heartbeat, so that others wait to hear of it.
    private var hasNews = false

    /// This node's revocations.
    var outgoing: OutgoingRevocations

    init(node: NodeID, settings: FleetSettings) {
        self.node = node
        self.settings = settings
        outgoing = OutgoingRevocations(retention: settings.retention)
    }
}

// MARK: - Reading

extension LogState {
    /// What a record shows.
    struct Finding: Sendable, Hashable {
        /// The revocation to apply; `nil` if the record has no revocation, or one that this node knows.
        var revocation: Revocation?
        /// Whether another record was lost.
        var showsLoss = false
    }

    /// Returns what a record shows.
    func examine(_ record: FleetRecord) -> Finding {
        guard record.node != node else { return Finding() }
        let known = nodes[record.node]
        switch record.content {
        case .heartbeat(let heartbeat):
            guard let known, heartbeat.number > known.lastHeartbeat else { return Finding() }
            return Finding(showsLoss: heartbeat.lastRevocation > known.lastRevocation)
        case .revocation(let revocation, let number):
            switch known?.arrival(of: number) ?? .next {
            case .next, .late: return Finding(revocation: revocation)
            case .repeated: return Finding()
            case .afterLoss: return Finding(revocation: revocation, showsLoss: true)
            }
        }
    }

    /// Notes that a record has been applied.
    ///
    /// - Parameter keys: The keys of its token that this node knows by.
    mutating func finish(_ record: FleetRecord, at id: LogID, keys: [TokenKey], now: Instant) {
        let finding = examine(record)
        advance(to: id)
        // The revocations before it may have been in a part of the log that is gone, so an entry from before it can't be judged.
        if finding.showsLoss || isFromLaterThanItsStart(record) { floor = max(floor, id) }
        if record.node == node {
            finishOwn(record.content, now: now)
        } else {
            finishOthers(record, now: now)
        }
        switch record.content {
        case .revocation(let revocation, _) where record.node == node || finding.revocation != nil:
            add(revocation, keys: keys, at: id, now: now)
            hasNews = true
        case .heartbeat(let heartbeat):
            if let epoch = heartbeat.epoch, epochStarts.count < FleetSettings.maximumEpochs {
                epochStarts[epoch] = epochStarts[epoch] ?? id
            }
        default: break
        }
    }

    /// Notes that a record could not be read: it is not this fleet's.
    mutating func skip(_ id: LogID) { advance(to: id) }

    private mutating func advance(to id: LogID) {
        if id > applied.later(by: FleetSettings.shortestGap), gaps.count < FleetSettings.maximumGaps { gaps.append((applied, id)) }
        applied = max(applied, id)
        firstID = firstID ?? id
    }

    /// Whether a record is the first that this node reads of its author, and the author has revoked something before.
    private func isFromLaterThanItsStart(_ record: FleetRecord) -> Bool {
        guard record.node != node, nodes[record.node] == nil else { return false }
        return switch record.content {
        case .heartbeat(let heartbeat): heartbeat.lastRevocation > 0
        case .revocation(_, let number): number > 1
        }
    }

    private mutating func finishOthers(_ record: FleetRecord, now: Instant) {
        var known: KnownNode
        switch record.content {
        case .heartbeat(let heartbeat):
            known = nodes[record.node] ?? KnownNode(lastBefore: heartbeat.lastRevocation, heardAt: now)
            guard heartbeat.number > known.lastHeartbeat else { return }
            known.advance(to: heartbeat.lastRevocation, lastIsMissing: true, now: now)
            known.lastHeartbeat = heartbeat.number
            known.applied = heartbeat.applied
            known.hasLeft = heartbeat.isLast
            known.epoch = heartbeat.epoch
            known.retention = min(heartbeat.retention, FleetSettings.longestRetention)
            known.heardAt = now
        case .revocation(_, let number):
            known = nodes[record.node] ?? KnownNode(lastBefore: number - 1, heardAt: now)
            known.missing[number] = nil
            known.advance(to: number, lastIsMissing: false, now: now)
        }
        guard nodes[record.node] != nil || hasRoom(now: now) else {
            // It may serve what it has, and nothing more is known of it.
            knowsNodesAfter = max(knowsNodesAfter, now.advanced(by: longestSilence))
            return
        }
        nodes[record.node] = known
    }

    /// The time after a node's last known heartbeat at which it serves no outdated entry. One interval longer than the bound, because its next
    /// heartbeat may be lost.
    private var longestSilence: Duration { settings.revocationBound + settings.heartbeatInterval }

    /// Returns whether there is room for another node. Makes room by forgetting one that is gone.
    private mutating func hasRoom(now: Instant) -> Bool {
        guard nodes.count >= FleetSettings.maximumNodes else { return true }
        let gone = nodes.first { _, node in
            node.missing.isEmpty && (node.hasLeft || node.heardAt.duration(to: now) > longestSilence)
        }
        if let gone { nodes[gone.key] = nil }
        return gone != nil
    }

    private mutating func finishOwn(_ content: FleetRecord.Content, now: Instant) {
        switch content {
        case .revocation(_, let number): outgoing.didRead(number)
        case .heartbeat(let heartbeat):
            guard let sentAt = heartbeatsSent[heartbeat.number] else { return }
            heartbeatsSent = heartbeatsSent.filter { $0.key > heartbeat.number }
            outgoing.noteLosses(upTo: heartbeat.lastRevocation)
            noteJoin(sentAt)
            guard !isMissingRecords, sentAt >= catchesUpAfter else { return }
            joinSeenAt = nil
            caughtUpAt = max(caughtUpAt ?? sentAt, sentAt)
        }
    }

    /// Begins the wait for other nodes again after a time without heartbeats of this node: the store may have been away for all of them, so that
    /// they could repeat nothing.
    private mutating func noteJoin(_ sentAt: Instant) {
        guard let seenAt = joinSeenAt else { return }
        if seenAt.duration(to: sentAt) > FleetSettings.joinTime / 2 {
            catchesUpAfter = max(catchesUpAfter, sentAt.advanced(by: FleetSettings.joinTime))
        }
        joinSeenAt = sentAt
    }

    private mutating func add(_ revocation: Revocation, keys: [TokenKey], at id: LogID, now: Instant) {
        let end = now.advanced(by: settings.retention)
        switch revocation {
        case .token: index.add(token: keys, at: id, until: end)
        case .account(let account, let provider, let application):
            index.add(account: account, ProviderTarget(provider: provider, applicationID: application), at: id, until: end)
        }
    }

    /// Whether a revocation is known to exist that has not been read.
    var isMissingRecords: Bool { nodes.values.contains { !$0.missing.isEmpty } }
}

// MARK: - Sending

extension LogState {
    /// Why a heartbeat is sent.
    enum HeartbeatOccasion: Hashable {
        /// It is due, or others wait for news.
        case regular
        /// The node enters an epoch.
        case epoch
        /// The node stops.
        case end
    }

    /// Returns the next heartbeat; `nil` if a regular one is not due.
    mutating func nextHeartbeat(_ occasion: HeartbeatOccasion, now: Instant) -> Heartbeat? {
        let isDue = lastHeartbeatAt.map { $0.duration(to: now) >= settings.heartbeatInterval } ?? true
        guard isDue || hasNews || occasion != .regular else { return nil }
        heartbeatNumber += 1
        lastHeartbeatAt = now
        hasNews = false
        heartbeatsSent[heartbeatNumber] = now
        if heartbeatsSent.count > FleetSettings.maximumHeartbeats {
            heartbeatsSent = heartbeatsSent.filter { $0.key + UInt64(FleetSettings.maximumHeartbeats) > heartbeatNumber }
        }
        return Heartbeat(
            number: heartbeatNumber, lastRevocation: outgoing.completeUpTo, applied: applied, isLast: occasion == .end,
            epoch: outgoing.waiting == 0 ? epoch : nil, retention: .seconds(Int64((settings.retention / .seconds(1)).rounded(.up))))
    }

    /// The number of other nodes that are live.
    func liveNodes(at now: Instant) -> Int {
        nodes.values.count { !$0.hasLeft && $0.heardAt.duration(to: now) <= settings.revocationBound }
    }

    /// Returns the position of the last of this node's revocations with these numbers; `nil` until they are acknowledged.
    ///
    /// A store can acknowledge a record and forget it, so this node must have read the records back. While a record is sent again, a node that
    /// is cut off may serve its entries for one more bound.
    func acknowledgedPosition(ofOwn numbers: ClosedRange<UInt64>, now: Instant) -> LogID? {
        guard epoch != nil, let last = outgoing.confirmedPosition(of: numbers) else { return nil }
        switch settings.acknowledgement {
        case .log: return last
        case .fleet: return now >= knowsNodesAfter && isAppliedEverywhere(last, now: now) ? last : nil
        }
    }

    /// Returns whether every other node has applied a position, or no longer serves what it would have removed.
    ///
    /// Once this node has read so far, it knows every node whose heartbeat came before. A node that begins later applies the position first.
    func isAppliedEverywhere(_ position: LogID, now: Instant) -> Bool {
        applied >= position
            && nodes.values.allSatisfy { node in
                node.hasLeft || node.applied >= position || node.heardAt.duration(to: now) > longestSilence
            }
    }
}

// MARK: - Epochs

extension LogState {
    /// Returns whether the log goes on where this node has stopped reading.
    func continues(_ range: ClosedRange<LogID>?, in epoch: String) -> Bool {
        guard self.epoch == epoch else { return false }
        guard let range else { return applied == .zero }
        return range.lowerBound <= applied && applied <= range.upperBound
    }

    /// Begins to read a log from its window. Until ``begin(_:floor:now:)``, no entry of the store is used.
    mutating func beginReplay(of range: ClosedRange<LogID>?, wallTime: Timestamp) {
        let id = range.map { windowStart(before: $0.upperBound, wallTime: wallTime, retention: settings.retention) } ?? .zero
        epoch = nil
        firstID = range?.lowerBound
        (epochStarts, gaps) = ([:], [])
        applied = id
        floor = .zero
        heartbeatsSent = [:]
        outgoing.beginReplay()
    }

    /// The first id that the log must keep.
    ///
    /// Other nodes may need records for longer, as while their settings change one after the other.
    func keptFrom(wallTime: Timestamp) -> LogID {
        let others = nodes.values.lazy.filter { !$0.hasLeft }.map(\.retention).max() ?? .zero
        return windowStart(before: applied, wallTime: wallTime, retention: max(settings.retention, others))
    }

    /// Returns the first id of the window that ends at `end`.
    ///
    /// The wall clock counts if it is behind: a foreign record can have an id from the future, and the store gives later records such ids, too.
    private func windowStart(before end: LogID, wallTime: Timestamp, retention: Duration) -> LogID {
        min(end, LogID(UInt64(max(0, wallTime.millisecondsSince1970)), 0)).earlier(by: retention)
    }

    /// Notes that the window has been read. This node's revocations that were not in it are sent again.
    mutating func endReplay() {
        outgoing.endReplay()
    }

    /// Begins to use the entries of the store.
    ///
    /// - Parameter floor: Entries whose writer had applied less are not used.
    mutating func begin(_ epoch: String, floor: LogID, now: Instant) {
        guard self.epoch != epoch else { return }
        // The store may have lost records a moment ago: if this node comes from another epoch, if the log shows a short part of this one, or if
        // it shows a node that is not in this one. The other nodes repeat them then, and this one must not miss that.
        let others = nodes.values.contains { !$0.hasLeft && $0.epoch != epoch }
        if hasHistory || others || age(since: epochStarts[epoch]) < FleetSettings.joinTime {
            (joinSeenAt, catchesUpAfter) = (now, now.advanced(by: FleetSettings.joinTime))
        }
        // All records of a node may be lost. It serves what it has for the bound at most, unless it joins the epoch.
        knowsNodesAfter = now.advanced(by: max(.zero, settings.revocationBound - age(since: epochStarts[epoch])))
        (self.epoch, hasHistory) = (epoch, true)
        self.floor = max(self.floor, floor)
    }

    /// Returns the time from a record to the last one; zero without a record.
    private func age(since id: LogID?) -> Duration {
        guard let id, id < applied else { return .zero }
        return .milliseconds(Int64(clamping: applied.milliseconds - id.milliseconds))
    }

    /// Returns whether the log has been emptied or cut: it has lost records that still matter.
    mutating func isCut(_ range: ClosedRange<LogID>?) -> Bool {
        guard let range else { return applied != .zero }
        defer { firstID = range.lowerBound }
        // Nodes trim what is older than the retention, by what they have applied.
        let (first, allowed) = (range.lowerBound, applied.earlier(by: settings.retention - FleetSettings.clockSkew))
        guard let firstID, first > max(firstID, allowed) else { return false }
        return !gaps.contains { $0.last <= allowed && $0.next == first }
    }

    /// Leaves the epoch: the log has been emptied or cut.
    mutating func leaveEpoch() { epoch = nil }

    /// Forgets what no longer matters.
    mutating func purge(now: Instant) {
        index.purge(at: now)
        gaps.removeAll { $0.next < applied.earlier(by: settings.retention * 2) }
        outgoing.purge(now: now)
        for (id, node) in nodes {
            nodes[id]?.missing = node.missing.filter { $0.value.duration(to: now) < settings.retention }
            if node.heardAt.duration(to: now) > settings.retention { nodes[id] = nil }
        }
    }
}
