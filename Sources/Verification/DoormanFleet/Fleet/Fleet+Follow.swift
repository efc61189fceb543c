package import DoormanCache
internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOConcurrencyHelpers

// Following the log. One task does it, from the start of the node to its end.

extension Fleet {
    /// Follows the log, and applies the revocations of other nodes to the cache, until the task is cancelled.
    package func run(applyingTo cache: CachingVerifier) async {
        var pauseLimit = FleetSettings.reconnectMilliseconds.lowerBound
        while !Task.isCancelled {
            do throws(StoreError) {
                let session = try await measure { () async throws(StoreError) in try await store.openSession() }
                defer { close(session) }
                state.withLockedValue { state in
                    state.session = session
                    state.counts.sessions &+= 1
                }
                try await synchronize(session, cache)
                if gate.isOpen(at: timeSource.now()) { pauseLimit = FleetSettings.reconnectMilliseconds.lowerBound }
                try await follow(session, cache)
            } catch {
                state.withLockedValue { $0.lastFailure = error.cause }
                guard !Task.isCancelled else { return }
                let pause = pause(FleetSettings.reconnectMilliseconds.lowerBound...pauseLimit)
                pauseLimit = min(pauseLimit * 2, FleetSettings.reconnectMilliseconds.upperBound)
                await timeSource.sleep(timeSource.now().advanced(by: pause))
            }
        }
    }

    private func close(_ session: any StoreSession) {
        state.withLockedValue { [now = timeSource.now()] state in
            state.session = nil
            // A store that takes sessions and no commands is as far away as one that takes none.
            if state.sessionHasWorked { state.disconnectedAt = now }
            state.sessionHasWorked = false
        }
        session.close()
    }

    private func follow(_ session: any StoreSession, _ cache: CachingVerifier) async throws(StoreError) {
        var maintenanceAt = timeSource.now().advanced(by: settings.maintenanceInterval)
        var lastRound = timeSource.now()
        while !Task.isCancelled {
            // If the process was stopped for longer, the log may no longer have what this node has not read.
            guard lastRound.duration(to: timeSource.now()) <= settings.retention else { throw .timedOut }
            lastRound = timeSource.now()
            try await toleratingFailures { () async throws(StoreError) in
                try await appendHeartbeat(session, .regular)
                await sendRevocations()
                try await read(session, cache)
                if timeSource.now() >= maintenanceAt {
                    maintenanceAt = timeSource.now().advanced(by: settings.maintenanceInterval)
                    try await maintain(session, cache)
                }
                state.withLockedValue { $0.sessionHasWorked = true }
            }
            await timeSource.sleep(timeSource.now().advanced(by: settings.pollInterval))
        }
        // In a task of its own, since this one is cancelled: the others need not wait for this node any more.
        await timeSource.spawn { await self.leave(session) }.value
    }

    /// Sends the revocations that wait, for as long as the store takes them, and announces that it leaves.
    private func leave(_ session: any StoreSession) async {
        let end = timeSource.now().advanced(by: FleetSettings.leaveTime)
        var left = state.withLockedValue { $0.log.outgoing.waiting }
        while left > 0, timeSource.now() < end {
            await sendRevocations()
            let waiting = state.withLockedValue { $0.log.outgoing.waiting }
            // Another task may be sending.
            if waiting == left { await timeSource.sleep(timeSource.now().advanced(by: settings.pollInterval)) }
            left = waiting
        }
        _ = try? await appendHeartbeat(session, .end)
    }

    /// Performs commands of the log. After a failure that leaves the session open, the next round tries again. A store that refuses to write
    /// may no longer be the primary, so this node looks for the primary again. So it does after any failure once it is not caught up, or if it
    /// has left the epoch of a log that was cut: only a new session reads the log from its window.
    private func toleratingFailures(_ commands: () async throws(StoreError) -> Void) async throws(StoreError) {
        do throws(StoreError) {
            try await commands()
        } catch {
            switch error {
            case .unavailable, .refused: throw error
            case .timedOut, .busy, .full, .malformed:
                let isInEpoch = state.withLockedValue { state in
                    state.lastFailure = error.cause
                    return state.log.epoch != nil
                }
                guard isInEpoch, gate.isOpen(at: timeSource.now()) else { throw error }
            }
        }
    }

    /// Appends a heartbeat.
    ///
    /// - Returns: Its id; `nil` if a regular one is not due.
    @discardableResult
    private func appendHeartbeat(_ session: any StoreSession, _ occasion: LogState.HeartbeatOccasion) async throws(StoreError)
        -> LogID?
    {
        let (now, wallTime) = (timeSource.now(), timeSource.wallTime())
        let prepared = state.withLockedValue { state -> (append: LogAppend, logKey: [UInt8])? in
            guard let heartbeat = state.log.nextHeartbeat(occasion, now: now),
                let sealed = try? state.secrets.seal(FleetRecord(node: node, .heartbeat(heartbeat)))
            else { return nil }
            return (LogAppend(sealed, keepingFrom: state.log.keptFrom(wallTime: wallTime)), state.secrets.logKey)
        }
        guard let prepared else { return nil }
        return try await measure { () async throws(StoreError) in try await session.append(prepared.append, to: prepared.logKey) }
    }

    /// Reads and applies the records that are new. Stops if the denial list is full.
    private func read(_ session: any StoreSession, _ cache: CachingVerifier) async throws(StoreError) {
        while !Task.isCancelled {
            if state.withLockedValue({ $0.needsDenials }) {
                guard try await readDenials(session, cache) else { return }
                state.withLockedValue { [now = timeSource.now()] state in
                    state.needsDenials = false
                    state.denialsReadAt = now
                }
            }
            let (position, logKey) = state.withLockedValue { ($0.log.applied, $0.secrets.logKey) }
            let records = try await measure { () async throws(StoreError) in
                try await session.records(of: logKey, after: position, limit: FleetSettings.batch)
            }
            for record in records where record.id > position {
                guard apply(record, cache) else { return }
            }
            guard records.count == FleetSettings.batch || state.withLockedValue({ $0.needsDenials }) else { return }
        }
    }

    /// Applies a record.
    ///
    /// - Returns: False if the denial list is full.
    private func apply(_ record: LogRecord, _ cache: CachingVerifier) -> Bool {
        let secrets = state.withLockedValue { $0.secrets }
        let opened: FleetRecord
        do throws(SealError) {
            opened = try secrets.openRecord(record.data)
        } catch {
            state.withLockedValue { state in
                state.counts.recordsRejected[error, default: 0] &+= 1
                state.log.skip(record.id)
            }
            return true
        }
        let finding = state.withLockedValue { $0.log.examine(opened) }
        if finding.showsLoss {
            let isFirst = state.withLockedValue { state in
                // If the denial list is full, the same record is examined until it has room.
                guard state.lossShownBy != record.id else { return false }
                state.lossShownBy = record.id
                state.counts.losses &+= 1
                // The lost record may be that of a token which only the nodes deny.
                state.needsDenials = true
                return true
            }
            if isFirst { cache.removeEntries { _ in true } }
        }
        var keys: [TokenKey] = []
        if let revocation = finding.revocation {
            guard apply(revocation, cache) else { return false }
            state.withLockedValue { $0.counts.revocationsApplied &+= 1 }
        }
        if case .revocation(.token(let known, _), _) = opened.content { keys = self.keys(among: known) }
        let now = timeSource.now()
        let caughtUpAt = state.withLockedValue { [keys] state in
            state.log.finish(opened, at: record.id, keys: keys, now: now)
            return state.log.caughtUpAt
        }
        if let caughtUpAt { gate.extend(until: caughtUpAt.advanced(by: settings.revocationBound)) }
        return true
    }

    /// Returns the keys of a token under the secrets of this process.
    private func keys(among known: [Revocation.KeyOfToken]) -> [TokenKey] {
        known.filter { keySecrets.contains($0.secret) }.map(\.key)
    }

    /// Applies a revocation to the cache.
    ///
    /// - Returns: False if the denial list is full. Then this node does not read on, and is no longer caught up.
    private func apply(_ revocation: Revocation, _ cache: CachingVerifier) -> Bool {
        switch deny(revocation, cache) {
        case .full: return false
        case .denied: return true
        case .deniedUnderOtherKeys:
            cache.removeEntries { _ in true }
            return true
        }
    }

    private enum DenialOutcome {
        case full
        case denied
        /// The author does not know the secret of this node's cache keys yet, so any entry could be that of the token. The denial comes first: an
        /// entry that is stored later is compared with it.
        case deniedUnderOtherKeys
    }

    private func deny(_ revocation: Revocation, _ cache: CachingVerifier) -> DenialOutcome {
        let hasRoom: Bool
        var isUnderOtherKeys = false
        switch revocation {
        case .token(let known, let end):
            let keys = keys(among: known)
            isUnderOtherKeys = !known.contains { $0.secret == keySecrets.first }
            switch end {
            case .after(let time): hasRoom = cache.apply(.token(keys, .after(time)))
            case .at(let end):
                let hasEnded = pastTime >= end
                hasRoom = hasEnded || cache.apply(.token(keys, .at(end)))
                guard hasRoom, let key = known.first?.key else { break }
                let isNew = state.withLockedValue { $0.lastingDenials.updateValue(revocation, forKey: key) == nil }
                // The entries have been removed once, and denials are read from time to time.
                if hasEnded || !isNew { isUnderOtherKeys = false }
            }
        case .account(let id, let provider, let application):
            hasRoom = cache.apply(.account(id: id, ProviderTarget(provider: provider, applicationID: application)))
        }
        state.withLockedValue { $0.isDenialListFull = !hasRoom }
        guard hasRoom else { return .full }
        return isUnderOtherKeys ? .deniedUnderOtherKeys : .denied
    }
}

// MARK: - Synchronizing

extension Fleet {
    /// Reads what this node needs before it uses the store: nothing if the log goes on where it stopped, otherwise the window of the log and
    /// the lasting denials. Repeats what the store has lost.
    private func synchronize(_ session: any StoreSession, _ cache: CachingVerifier) async throws(StoreError) {
        let logKey = state.withLockedValue { $0.secrets.logKey }
        let range = try await measure { () async throws(StoreError) in try await session.logRange(of: logKey) }
        let epoch = session.server.runID
        guard !state.withLockedValue({ $0.log.continues(range, in: epoch) }) else { return }
        let hadHistory = state.withLockedValue { [wallTime = timeSource.wallTime()] state in
            state.log.beginReplay(of: range, wallTime: wallTime)
            state.needsDenials = true
            state.counts.replays &+= 1
            return state.log.hasHistory
        }
        repeat {
            guard !Task.isCancelled else { return }
            try await read(session, cache)
            if isDenialListFull { await timeSource.sleep(timeSource.now().advanced(by: FleetSettings.fullListPause)) }
        } while isDenialListFull
        state.withLockedValue { $0.log.endReplay() }
        // What this node knows may come from a store with another history. Only entries whose writer has read this heartbeat are used.
        let floor = hadHistory ? try await appendHeartbeat(session, .epoch) ?? .zero : .zero
        let now = timeSource.now()
        state.withLockedValue { $0.log.begin(epoch, floor: floor, now: now) }
    }

    /// A time that has passed: the earlier one of this node's clock and the store's. A clock that is ahead for a moment must not end a denial
    /// that everyone needs.
    private var pastTime: Timestamp {
        let stored = state.withLockedValue { $0.log.applied.milliseconds }
        return min(timeSource.wallTime(), Timestamp(millisecondsSince1970: Int64(clamping: stored)))
    }

    private var isDenialListFull: Bool { state.withLockedValue { $0.isDenialListFull } }

    /// Applies the lasting denials of the store, and sends those that it lacks.
    ///
    /// - Returns: False if the denial list is full.
    private func readDenials(_ session: any StoreSession, _ cache: CachingVerifier) async throws(StoreError) -> Bool {
        let (secrets, key) = state.withLockedValue { ($0.secrets, $0.secrets.denialsKey) }
        let start = pastTime.millisecondsSince1970
        var (offset, stored) = (0, Set<TokenKey>())
        while !Task.isCancelled {
            let members = try await measure { [offset] () async throws(StoreError) in
                try await session.members(of: key, from: start, offset: offset, limit: FleetSettings.batch)
            }
            var (isFull, isUnderOtherKeys) = (false, false)
            for member in members {
                guard let denial = open(member, secrets) else { continue }
                if case .token(let known, _) = denial { stored.formUnion(known.map(\.key)) }
                switch deny(denial, cache) {
                case .denied: continue
                case .deniedUnderOtherKeys: isUnderOtherKeys = true
                case .full: isFull = true
                }
                if isFull { break }
            }
            // Once for all of them.
            if isUnderOtherKeys { cache.removeEntries { _ in true } }
            guard !isFull else { return false }
            offset += members.count
            guard members.count == FleetSettings.batch else { break }
        }
        let now = timeSource.now()
        state.withLockedValue { [stored] state in
            // The store has lost them. A node that has just started may not know them, so they go through the log again.
            let known = stored.union(state.log.outgoing.waitingTokens)
            // In an order that each run repeats, for simulations.
            for (key, revocation) in state.lastingDenials.sorted(by: { $0.key.bits < $1.key.bits }) where !known.contains(key) {
                _ = state.log.outgoing.add(revocation, entryKeys: [], isRepetition: true, now: now)
            }
        }
        return true
    }

    /// Returns the denial of a member; `nil` if it is not this fleet's.
    private func open(_ member: ScoredMember, _ secrets: FleetSecrets) -> Revocation? {
        do throws(SealError) {
            return try secrets.openDenial(member.member)
        } catch {
            state.withLockedValue { $0.counts.recordsRejected[error, default: 0] &+= 1 }
            return nil
        }
    }

    /// Forgets what no longer matters, here and in the store, and notices a log that was emptied or cut.
    private func maintain(_ session: any StoreSession, _ cache: CachingVerifier) async throws(StoreError) {
        let (now, pastTime) = (timeSource.now(), pastTime)
        let (logKey, denialsKey) = state.withLockedValue { state in
            state.log.purge(now: now)
            // Someone may have deleted the lasting denials alone.
            if state.denialsReadAt.duration(to: now) >= settings.denialsInterval { state.needsDenials = true }
            state.lastingDenials = state.lastingDenials.filter { denial in
                if case .token(_, .at(let end)) = denial.value { pastTime < end } else { false }
            }
            return (state.secrets.logKey, state.secrets.denialsKey)
        }
        let ended = pastTime.advanced(by: .zero - FleetSettings.clockSkew).millisecondsSince1970
        try await measure { () async throws(StoreError) in try await session.removeMembers(of: denialsKey, below: ended) }
        let range = try await measure { () async throws(StoreError) in try await session.logRange(of: logKey) }
        let isCut = state.withLockedValue { $0.log.isCut(range) }
        guard isCut else { return }
        state.withLockedValue { $0.log.leaveEpoch() }
        try await synchronize(session, cache)
    }
}
