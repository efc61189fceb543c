package import DoormanCache
package import DoormanCore
package import DoormanSupport
internal import DoormanWire
internal import NIOConcurrencyHelpers

extension Fleet: CacheFleet {
    /// A verdict is used for as long as a revocation may be unknown. If a revocation is only acknowledged once every node has applied it, this node
    /// may not have been asked.
    package var closedGateMaximumAge: Duration {
        switch settings.acknowledgement {
        case .log: settings.revocationBound
        case .fleet: .zero
        }
    }

    /// What a look into the store needs.
    private struct Access {
        let session: any StoreSession
        let secrets: FleetSecrets
        let entryKey: [UInt8]
    }

    /// Returns the access to the store; `nil` while this node does not use its entries.
    private func access(to key: TokenKey) -> Access? {
        guard gate.isOpen(at: timeSource.now()) else { return nil }
        return state.withLockedValue { state in
            guard let session = state.session, session.isResponsive, let epoch = state.log.epoch,
                session.server.runID == epoch
            else { return nil }
            return Access(session: session, secrets: state.secrets, entryKey: state.secrets.entryKey(of: key.bytes.span))
        }
    }

    package func find(
        _ keys: [TokenKey], deadline: Deadline, where isUsable: @Sendable (SharedVerdict) -> Bool
    ) async -> SharedLookup {
        guard var access = access(to: keys[0]) else { return .miss(.none) }
        let leaseKey = access.secrets.leaseKey(of: access.entryKey)
        let holder = nextHolder()
        var hasWaited = false
        do throws(StoreError) {
            while true {
                if let verdict = try await usableVerdict(keys, access, where: isUsable) {
                    return found(verdict, hasWaited: hasWaited)
                }
                let hasLease = try await measure { () async throws(StoreError) in
                    try await access.session.takeLease(leaseKey, holder: holder, lifetime: FleetSettings.leaseLifetime)
                }
                if hasLease {
                    // Another node may have stored its verdict and ended its lease since this node looked.
                    if let verdict = try await usableVerdict(keys, access, where: isUsable) {
                        end(leaseKey, holder, access)
                        return found(verdict, hasWaited: hasWaited)
                    }
                    return miss(access, (leaseKey, holder))
                }
                hasWaited = true
                let moment = timeSource.now().advanced(by: pause(FleetSettings.waitMilliseconds))
                guard moment < deadline.instant, !Task.isCancelled else { return miss(access, nil) }
                await timeSource.sleep(moment)
                guard let next = self.access(to: keys[0]) else { return .miss(.none) }
                access = next
            }
        } catch {
            return miss(access, nil)
        }
    }

    private func nextHolder() -> [UInt8] {
        let number = state.withLockedValue { state in
            state.leases += 1
            return state.leases
        }
        return node.bytes + number.bigEndianBytes
    }

    private func found(_ verdict: SharedVerdict, hasWaited: Bool) -> SharedLookup {
        state.withLockedValue { state in
            state.counts.entryHits &+= 1
            if hasWaited { state.counts.waits &+= 1 }
        }
        return .found(verdict)
    }

    private func miss(_ access: Access, _ lease: (key: [UInt8], holder: [UInt8])?) -> SharedLookup {
        // The position counts from now on: the caller sends its provider request later.
        let position = self.position
        state.withLockedValue { $0.counts.entryMisses &+= 1 }
        return .miss(
            SharedTicket(
                share: { identity, tokenEnd in
                    guard let position else { return }
                    _ = self.timeSource.spawn { await self.share(identity, tokenEnd, position, access, lease) }
                },
                giveUp: { if let lease { self.end(lease.key, lease.holder, access) } }))
    }

    package func sharingIssuedToken() -> @Sendable (TokenKey, Identity, Timestamp) -> Void {
        let position = self.position
        return { key, identity, tokenEnd in
            guard let position, let access = self.access(to: key) else { return }
            _ = self.timeSource.spawn { await self.share(identity, tokenEnd, position, access, nil) }
        }
    }

    /// The position that this node has applied; `nil` while it uses no entries.
    private var position: LogPosition? {
        state.withLockedValue { state in state.log.epoch.map { LogPosition(epoch: $0, id: state.log.applied) } }
    }

    private func end(_ leaseKey: [UInt8], _ holder: [UInt8], _ access: Access) {
        _ = timeSource.spawn {
            _ = try? await self.measure { () async throws(StoreError) in
                try await access.session.endLease(leaseKey, holder: holder)
            }
        }
    }

    private func share(
        _ identity: Identity, _ tokenEnd: Timestamp, _ position: LogPosition, _ access: Access,
        _ lease: (key: [UInt8], holder: [UInt8])?
    ) async {
        let lifetime = timeSource.wallTime().duration(to: identity.validUntil)
        let entry = SharedEntry(
            identity: identity, tokenEnd: tokenEnd, fingerprint: fingerprint(identity.provider), requestedAfter: position)
        if lifetime > .zero, let sealed = try? access.secrets.seal(entry, for: access.entryKey), sealed.count <= StoreLimits.value,
            (try? await measure({ () async throws(StoreError) in
                try await access.session.set(sealed, for: access.entryKey, lifetime: lifetime)
            })) != nil
        {
            state.withLockedValue { $0.counts.entriesShared &+= 1 }
        }
        if let lease { end(lease.key, lease.holder, access) }
    }
}

// MARK: - Judging an entry

extension Fleet {
    /// Returns the verdict in the store, if there is one and this node may use it.
    private func usableVerdict(
        _ keys: [TokenKey], _ access: Access, where isUsable: (SharedVerdict) -> Bool
    ) async throws(StoreError) -> SharedVerdict? {
        let sealed = try await measure { () async throws(StoreError) in try await access.session.value(of: access.entryKey) }
        guard let sealed, let verdict = verdict(in: sealed, keys, access), isUsable(verdict) else { return nil }
        return verdict
    }

    private func verdict(in sealed: [UInt8], _ keys: [TokenKey], _ access: Access) -> SharedVerdict? {
        let entry: SharedEntry
        do throws(SealError) {
            entry = try access.secrets.openEntry(sealed, for: access.entryKey)
        } catch {
            count(EntryRejection(error))
            return nil
        }
        let (now, wallTime) = (timeSource.now(), timeSource.wallTime())
        guard entry.fingerprint == fingerprint(entry.identity.provider) else {
            count(.configuration)
            return nil
        }
        guard wallTime < entry.identity.validUntil, wallTime < entry.tokenEnd else {
            count(.expired)
            return nil
        }
        let judgement = state.withLockedValue { $0.log.judge(entry, keys) }
        guard case .success(let caughtUpAt) = judgement, gate.isOpen(at: now) else {
            if case .failure(let rejection) = judgement { count(rejection) }
            return nil
        }
        // This node's knowledge of revocations bounds how long it may serve the entry, whatever the clock of the writer says.
        let age = max(.zero, entry.identity.verifiedAt.duration(to: wallTime))
        let requestedAt = min(now.advanced(by: .zero - age), caughtUpAt)
        return SharedVerdict(identity: entry.identity, tokenEnd: entry.tokenEnd, requestedAt: requestedAt)
    }
}

extension LogState {
    /// Returns the time up to which this node knows all revocations, if it may use an entry.
    fileprivate func judge(_ entry: SharedEntry, _ keys: [TokenKey]) -> Result<Instant, EntryRejection> {
        guard let epoch, entry.requestedAfter.epoch == epoch else { return .failure(.epoch) }
        guard let caughtUpAt, entry.requestedAfter.id >= floor,
            !index.hasRevocation(of: keys, entry.identity, after: entry.requestedAfter.id),
            !outgoing.hasPending(of: keys, entry.identity)
        else { return .failure(.revoked) }
        return .success(caughtUpAt)
    }
}

extension EntryRejection: Error {}

extension UInt64 {
    /// The eight bytes of this number, the most significant first.
    var bigEndianBytes: [UInt8] { stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> UInt64($0)) } }
}
