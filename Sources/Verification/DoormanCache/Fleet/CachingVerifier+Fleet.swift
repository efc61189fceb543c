internal import DoormanCore
internal import DoormanSupport

// MARK: - The revocation bound

// A revocation of another node may be unknown here for as long as the revocation bound. While the gate is closed, this node may have lost the
// store. Then it uses no verdict that is older than the bound, and none of a provider that sees no revocation.

extension CachingVerifier {
    /// Returns the call, with the maximum age that this node's knowledge of revocations allows.
    func limited(_ call: VerifyCall, at now: Instant) -> VerifyCall {
        guard let limit = fleetLimit(of: call, at: now) else { return call }
        return VerifyCall(
            validated: call.token, key: call.key, requirements: call.requirements, maxAge: min(call.maxAge ?? limit, limit),
            notBefore: call.notBefore, caller: call.caller)
    }

    /// Returns the call with its maximum age if the cache may answer it; `nil` if its entry says that it may not.
    func servedFromCache(_ call: VerifyCall, at now: Instant) -> VerifyCall? {
        guard fleetLimit(of: call, at: now) != nil else { return call }
        let call = limited(call, at: now)
        guard case .hit(let entry, _) = cache.lookup(call, now: now, .repeated), !seesNoRevocation(entry.verdict) else {
            return nil
        }
        return call
    }

    /// Returns the maximum age of a verdict for a call; `nil` if its age does not matter.
    private func fleetLimit(of call: VerifyCall, at now: Instant) -> Duration? {
        guard let fleet else { return nil }
        // Only a request that is sent after the call arrived is sure to come after the revocation.
        if let position = call.notBefore, fleet.hasApplied(position) != true { return .zero }
        return fleet.gate.isOpen(at: now) ? nil : fleet.closedGateMaximumAge
    }

    /// Throws if the call names a position that no fleet has.
    func checkPosition(of call: VerifyCall) throws(VerificationError) {
        guard let fleet, let position = call.notBefore, fleet.hasApplied(position) == nil else { return }
        throw VerificationError(.invalidRequest, "not_before is no position that a revocation has returned.")
    }

    /// Throws if a verdict can't be used, because it comes from a provider that sees no revocation, and this node may not know all of them.
    func requireKnownRevocations(of verdict: Verdict, for call: VerifyCall) throws(VerificationError) {
        guard seesNoRevocation(verdict), fleetLimit(of: call, at: timeSource.now()) != nil else { return }
        throw .storeUnavailable
    }

    /// Throws if no verdict about the call's token could be used.
    func requireUsableVerdict(for call: VerifyCall) throws(VerificationError) {
        guard fleetLimit(of: call, at: timeSource.now()) != nil,
            provider.seesNoRevocation(of: call.token, naming: call.requirements.provider)
        else { return }
        throw .storeUnavailable
    }

    /// Returns whether a verdict from a request at this time is too old for what this node knows.
    func isTooOldWithoutStore(requestedAt: Instant) -> Bool {
        guard let fleet, fleet.closedGateMaximumAge > .zero else { return false }
        let now = timeSource.now()
        return !fleet.gate.isOpen(at: now) && requestedAt.duration(to: now) > fleet.closedGateMaximumAge
    }

    private func seesNoRevocation(_ verdict: Verdict) -> Bool {
        guard case .valid(let identity) = verdict else { return false }
        return provider.seesNoRevocation(provider: identity.provider)
    }
}

extension VerificationError {
    fileprivate static let storeUnavailable = VerificationError(
        .storeUnavailable,
        "The server has lost the fleet's store, so it may not know that the token was revoked: call another server, or wait.")
}

// MARK: - Shared entries

extension CachingVerifier {
    /// Looks for another node's verdict, unless no node shares verdicts of the token's provider.
    ///
    /// - Parameter known: The entry to refresh: only a later verdict is of use. `nil` for any.
    func findShared(_ call: VerifyCall, now: Instant, isNewerThan known: Identity?) async -> SharedLookup {
        guard let fleet, !provider.seesNoRevocation(of: call.token, naming: call.requirements.provider) else { return .miss(.none) }
        let end = now.advanced(by: settings.lookupTimeout / 2)
        return await fleet.find(allKeys(of: call), deadline: Deadline(end)) { shared in
            let age = shared.requestedAt.duration(to: self.timeSource.now())
            if let known, shared.identity.verifiedAt <= known.verifiedAt { return false }
            if let maxAge = call.maxAge, age > maxAge { return false }
            guard age < self.settings.longestLifetime, !self.provider.seesNoRevocation(provider: shared.identity.provider),
                self.provider.knows(provider: shared.identity.provider)
            else { return false }
            return self.canUse(shared, for: call)
        }
    }

    /// Returns whether nothing that this node knows speaks against another node's verdict.
    private func canUse(_ shared: SharedVerdict, for call: VerifyCall) -> Bool {
        let (verdict, now) = (Verdict.valid(shared.identity), timeSource.now())
        return cache.denial(of: verdict, for: call.key, requestedAt: shared.requestedAt, now: now) == nil
            && !cache.isRemoved(verdict, requestedAt: shared.requestedAt, now: now)
    }

    /// Stores another node's verdict for the rest of its TTL.
    func storeShared(_ shared: SharedVerdict, for call: VerifyCall) -> EncodedVerdict {
        // A hit looks for no denial under previous secrets, so no entry may be stored beside one.
        guard !isDeniedUnderPreviousKey(call.token) else { return cache.deniedVerdict }
        let (now, wallTime) = (timeSource.now(), timeSource.wallTime())
        var identity = shared.identity
        identity.freshness = .cached
        let age = shared.requestedAt.duration(to: now)
        let fresh = min(wallTime.duration(to: identity.validUntil), settings.longestLifetime - age)
        let stale = min(fresh + max(.zero, settings.staleIfError), wallTime.duration(to: shared.tokenEnd))
        identity.validUntil = min(identity.validUntil, wallTime.advanced(by: max(.zero, fresh)))
        let verdict = Verdict.valid(identity)
        if let entry = makeEntry(identity, (fresh, max(fresh, stale)), requestedAt: shared.requestedAt, now: now) {
            cache.store(entry, for: call.key, now: now)
        }
        return EncodedVerdict(verdict, coding.encode(verdict))
    }

    /// Stores a verdict for the other nodes.
    func share(
        _ identity: Identity, for key: TokenKey, tokenEnd: Timestamp, requestedAt: Instant, _ ticket: SharedTicket
    ) {
        guard fleet != nil, !provider.seesNoRevocation(provider: identity.provider) else { return ticket.giveUp() }
        // The provider lags behind a revocation that the log has. Once the denial has ended, another node would take the entry for a later one.
        let (verdict, now) = (Verdict.valid(identity), timeSource.now())
        guard cache.denial(of: verdict, for: key, requestedAt: requestedAt, now: now) == nil,
            !cache.isRemoved(verdict, requestedAt: requestedAt, now: now)
        else { return ticket.giveUp() }
        ticket.share(identity, tokenEnd)
    }

    /// Announces revocations in the background, after a call that fails for another reason.
    func announceLater(_ revocations: [SharedRevocation]) {
        guard let fleet else { return }
        let deadline = Deadline(timeSource.now().advanced(by: settings.lookupTimeout))
        _ = timeSource.spawn { _ = try? await fleet.announce(revocations, deadline: deadline) }
    }
}

// MARK: - Revocations of other nodes

extension CachingVerifier {
    /// Applies a revocation of another node. After it returns, no call gets the result of an earlier provider request.
    ///
    /// - Returns: False if the denial list has no room. Then nothing has happened.
    package func apply(_ revocation: SharedRevocation) -> Bool {
        let now = timeSource.now()
        switch revocation {
        case .token(let keys, let end):
            return cache.applyDenial(of: keys, until: now.advanced(by: denialTime(until: end)), now: now)
        case .account(let id, let target):
            let lagEnd = now.advanced(by: settings.revocationLag)
            return cache.applyDenial(
                of: DenialList.AccountKey(accountID: id, target: target), requestedBefore: lagEnd,
                until: lagEnd.advanced(by: settings.longestResponseTime), now: now)
        }
    }
}
