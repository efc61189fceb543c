package import DoormanCache
package import DoormanCore
package import DoormanSupport
internal import DoormanWire
internal import NIOConcurrencyHelpers

// The revocations of this node: they wait in line until the log has them.

extension Fleet {
    package func reserveRevocation() throws(VerificationError) {
        let hasRoom = state.withLockedValue { state in
            guard
                state.reserved + state.log.outgoing.waiting - state.log.outgoing.waitingRepetitions
                    < FleetSettings.maximumWaitingRevocations
            else { return false }
            state.reserved += 1
            return true
        }
        guard !hasRoom else { return }
        throw VerificationError(
            .storeUnavailable,
            "\(FleetSettings.maximumWaitingRevocations) revocations wait for the fleet's store. Nothing was revoked.",
            retryAfter: .seconds(1))
    }

    package func releaseRevocation() { state.withLockedValue { $0.reserved -= 1 } }

    package func announce(
        _ revocations: [SharedRevocation], deadline: Deadline
    ) async throws(VerificationError) -> RevocationPosition {
        let now = timeSource.now()
        let records = revocations.map { ($0, Revocation($0, keySecrets)) }
        // A record that can't be sent would stay in line, and with it all that come later.
        guard records.allSatisfy({ FleetRecord(node: node, .revocation($0.1, number: 1)).packed() != nil }) else {
            releaseRevocation()
            throw .notAnnounceable
        }
        let numbers = state.withLockedValue { state in
            state.reserved -= 1
            let first = state.log.outgoing.lastNumber + 1
            for (revocation, record) in records {
                _ = state.log.outgoing.add(record, entryKeys: revocation.entryKeys(state.secrets), now: now)
            }
            return first...state.log.outgoing.lastNumber
        }
        // The caller must still hear why.
        let end = deadline.instant.advanced(by: .zero - FleetSettings.answerTime)
        while true {
            await sendRevocations()
            let now = timeSource.now()
            let (position, isCutOff) = state.withLockedValue {
                ($0.log.acknowledgedPosition(ofOwn: numbers, now: now), $0.isCutOff(at: now))
            }
            if let position {
                return RevocationPosition(
                    AuthorPosition(node: node, number: numbers.upperBound, milliseconds: position.milliseconds))
            }
            guard !Task.isCancelled, !isCutOff, now < end else { throw .notAnnounced }
            await timeSource.sleep(min(end, now.advanced(by: settings.pollInterval / 5)))
        }
    }

    /// Appends waiting revocations to the log, in their order, for the time between two looks into it: this node must not miss its own
    /// heartbeats, nor a call its deadline, while many wait. Returns at once if another task does.
    func sendRevocations() async {
        let session = state.withLockedValue { state -> (any StoreSession)? in
            guard !state.isSending, let session = state.session, state.log.epoch != nil else { return nil }
            state.isSending = true
            return session
        }
        guard let session else { return }
        await send(to: session)
        state.withLockedValue { $0.isSending = false }
    }

    private func send(to session: any StoreSession) async {
        let end = timeSource.now().advanced(by: settings.pollInterval)
        while timeSource.now() < end, let (append, number) = nextAppend() {
            let logKey = state.withLockedValue { $0.secrets.logKey }
            let position = try? await measure { () async throws(StoreError) in try await session.append(append, to: logKey) }
            guard let position else { return }
            state.withLockedValue { state in
                if case .token(let keys, .at)? = state.log.outgoing[number]?.revocation, let key = keys.first?.key {
                    state.lastingDenials[key] = state.log.outgoing[number]?.revocation
                }
                state.log.outgoing.didSend(number, at: position)
                state.counts.revocationsSent &+= 1
            }
        }
    }

    private func nextAppend() -> (LogAppend, number: UInt64)? {
        state.withLockedValue { [wallTime = timeSource.wallTime()] state in
            guard let (number, next) = state.log.outgoing.nextToSend,
                let sealed = try? state.secrets.seal(FleetRecord(node: node, .revocation(next.revocation, number: number)))
            else { return nil }
            return (
                LogAppend(
                    sealed, removing: next.entryKeys, adding: state.secrets.member(of: next.revocation),
                    to: state.secrets.denialsKey,
                    keepingFrom: state.log.keptFrom(wallTime: wallTime)), number
            )
        }
    }
}

extension VerificationError {
    fileprivate static let notAnnounceable = VerificationError(
        .invalidRequest, "No account has this id: it contains a character that no message to another server can hold.",
        request: .responded)
    fileprivate static let notAnnounced = VerificationError(
        .storeUnavailable,
        "This server denies the token or account. The other servers of the fleet will hear of it when the store is reachable again.",
        request: .responded)
}

extension FleetSecrets {
    /// Returns the member of the sorted set for a denial that survives restarts; `nil` for another revocation.
    func member(of revocation: Revocation) -> ScoredMember? {
        guard case .token(_, .at(let end)) = revocation, let sealed = try? sealDenial(revocation) else { return nil }
        return ScoredMember(sealed, score: end.millisecondsSince1970)
    }
}

extension SharedRevocation {
    /// The keys of the token's entries in the store.
    fileprivate func entryKeys(_ secrets: FleetSecrets) -> [[UInt8]] {
        switch self {
        case .token(let keys, _): keys.map { secrets.entryKey(of: $0.bytes.span) }
        case .account: []
        }
    }
}

extension Revocation {
    /// - Parameter secrets: The secrets of the keys, in their order.
    fileprivate init(_ revocation: SharedRevocation, _ secrets: [SecretID]) {
        switch revocation {
        case .token(let keys, let end):
            let keys = zip(secrets, keys).map { KeyOfToken(secret: $0, key: $1) }
            switch end {
            case .after(let time): self = .token(keys, .after(time))
            case .at(let end): self = .token(keys, .at(end))
            }
        case .account(let id, let target): self = .account(id: id, provider: target.provider, application: target.applicationID)
        }
    }
}

// MARK: - Positions

extension Fleet {
    package func hasApplied(_ position: RevocationPosition) -> Bool? {
        guard let position = AuthorPosition(position) else { return nil }
        let now = timeSource.now()
        let isOpen = gate.isOpen(at: now)
        return state.withLockedValue { $0.log.hasApplied(position, isCaughtUp: isOpen) }
    }
}

/// What a position says: the revocation's author, its number there, and its time on the store's clock.
struct AuthorPosition: Sendable, Hashable {
    let node: NodeID
    let number: UInt64
    let milliseconds: UInt64
}

extension LogState {
    fileprivate func hasApplied(_ position: AuthorPosition, isCaughtUp: Bool) -> Bool {
        if position.node == node { return position.number <= outgoing.lastNumber }
        if let author = nodes[position.node], position.number > author.lastBefore {
            return position.number <= author.lastRevocation && author.missing[position.number] == nil
        }
        // The revocation is from before this node knew its author. Once it is older than the window, no entry from before it is left.
        let age = applied.milliseconds.subtractingReportingOverflow(position.milliseconds)
        return isCaughtUp && epoch != nil && !age.overflow
            && Duration.milliseconds(Int64(clamping: age.partialValue)) > settings.retention
    }
}

extension RevocationPosition {
    /// The version of the form, and the parts.
    fileprivate init(_ position: AuthorPosition) {
        self.init(bytes: [1] + position.node.bytes + position.number.bigEndianBytes + position.milliseconds.bigEndianBytes)
    }
}

extension AuthorPosition {
    fileprivate init?(_ position: RevocationPosition) {
        let (bytes, idEnd) = (position.bytes, 1 + NodeID.byteCount)
        guard bytes.count == idEnd + 16, bytes[0] == 1 else { return nil }
        func number(_ start: Int) -> UInt64 { bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(node: NodeID(bytes: Array(bytes[1..<idEnd])), number: number(idEnd), milliseconds: number(idEnd + 8))
    }
}
