package import DoormanCore
package import DoormanSupport

extension CachingVerifier {
    /// Revokes at the provider, and denies the token or account here: if the provider confirms the revocation, and if no answer of the
    /// provider shows that it was not carried out.
    ///
    /// After it returns or throws such an error, no later call gets the result of an earlier provider request. Any other error
    /// changes nothing.
    ///
    /// - Returns: The position of the revocation among those of all nodes; `nil` if there is no fleet.
    /// - Throws: `.tooManyDenials`, without a provider request, if the denial list has no room.
    @discardableResult
    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationPosition? {
        switch request.subject {
        case .token(let token):
            let tokens = [token] + provider.equivalents(of: token, naming: request.provider)
            return try await revoke(
                tokens.map { token in ([keys] + previousKeys).map { $0.key(forToken: token.bytes.span) } }, request, deadline)
        case .account(let accountID):
            let target = try provider.resolve(request.target, for: .accountRevocation)
            var request = request
            (request.provider, request.applicationID) = (target.provider, target.applicationID)
            return try await denying(accountID, target, for: request.caller, deadline) {
                [request] () async throws(VerificationError) in
                try await self.provider.revoke(request, deadline: deadline)
            }
        }
    }

    /// Returns one page of an application's accounts. Pages are not cached: an operator wants the current state.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        let target = try provider.resolve(request.target, for: .accountList)
        var request = request
        (request.provider, request.applicationID) = (target.provider, target.applicationID)
        return try await provider.accounts(request, deadline: deadline)
    }

    /// Deletes an account at the provider, and denies it here as a revocation does.
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        let target = try provider.resolve(request.target, for: .accountDeletion)
        var request = request
        (request.provider, request.applicationID) = (target.provider, target.applicationID)
        _ = try await denying(request.accountID, target, for: request.caller, deadline) {
            [request] () async throws(VerificationError) in
            try await self.provider.deleteAccount(request, deadline: deadline)
        }
    }

    /// - Parameter tokens: The keys of the token and of each of its equivalents: one under each secret.
    private func revoke(
        _ tokens: [[TokenKey]], _ request: RevocationRequest, _ deadline: Deadline
    ) async throws(VerificationError) -> RevocationPosition? {
        var reservation = try cache.reserveDenials(
            ofTokens: tokens.reduce(0) { $0 + $1.count }, for: request.caller, now: timeSource.now())
        defer { cache.release(reservation) }
        try fleet?.reserveRevocation()
        let end: SharedRevocation.DenialEnd
        do throws(VerificationError) {
            let outcome = try await provider.revoke(request, deadline: deadline)
            end = denialEnd(after: outcome)
            if case .deniedLocally = outcome { localDenials.withLockedValue { $0 += 1 } }
        } catch {
            guard error.leavesRevocationOpen else {
                fleet?.releaseRevocation()
                throw error
            }
            let end = SharedRevocation.DenialEnd.after(settings.tokenDenialTime)
            deny(tokens, end, &reservation)
            announceLater(tokens.map { .token($0, end) })
            throw error
        }
        deny(tokens, end, &reservation)
        return try await fleet?.announce(tokens.map { .token($0, end) }, deadline: deadline)
    }

    private func deny(
        _ tokens: [[TokenKey]], _ end: SharedRevocation.DenialEnd, _ reservation: inout DenialList.Reservation
    ) {
        let end = timeSource.now().advanced(by: denialTime(until: end))
        for key in tokens.joined() { cache.deny(key, until: end, &reservation) }
    }

    /// Returns until when a token is denied after its revocation.
    private func denialEnd(after outcome: RevocationOutcome) -> SharedRevocation.DenialEnd {
        switch outcome {
        case .revoked: .after(settings.tokenDenialTime)
        case .alreadyInvalid: .after(settings.invalidTokenDenialTime)
        case .deniedLocally(let end?): .at(end)
        // The denial lasts for a while after the end.
        case .deniedLocally(nil):
            .at(timeSource.wallTime().advanced(by: max(.zero, settings.localDenialTime - settings.tokenDenialTime)))
        }
    }

    /// Returns the time for which a token is denied from now on.
    func denialTime(until end: SharedRevocation.DenialEnd) -> Duration {
        switch end {
        case .after(let time): return time
        case .at(let end):
            // The provider goes on accepting the token until its end. The local clock may step back in the meantime.
            let left = max(.zero, timeSource.wallTime().duration(to: end))
            return min(left, CacheSettings.longestDenialTime) + settings.tokenDenialTime
        }
    }

    /// Performs a call that revokes all tokens of an account, and denies the account.
    private func denying<Result>(
        _ accountID: String, _ target: ProviderTarget, for caller: Caller, _ deadline: Deadline,
        _ call: () async throws(VerificationError) -> Result
    ) async throws(VerificationError) -> RevocationPosition? {
        let account = DenialList.AccountKey(accountID: accountID, target: target)
        var reservation = try cache.reserveDenials(of: account, for: caller, now: timeSource.now())
        defer { cache.release(reservation) }
        try fleet?.reserveRevocation()
        do throws(VerificationError) {
            _ = try await call()
        } catch {
            if error.leavesRevocationOpen {
                deny(account, &reservation)
                announceLater([.account(id: accountID, target)])
            } else {
                fleet?.releaseRevocation()
            }
            throw error
        }
        deny(account, &reservation)
        return try await fleet?.announce([.account(id: accountID, target)], deadline: deadline)
    }

    private func deny(_ account: DenialList.AccountKey, _ reservation: inout DenialList.Reservation) {
        let now = timeSource.now()
        let lagEnd = now.advanced(by: settings.revocationLag)
        cache.deny(
            account,
            VerificationCache.AccountDenialTimes(
                requestedBefore: lagEnd, end: lagEnd.advanced(by: settings.longestResponseTime),
                tokensEnd: now.advanced(by: settings.tokenDenialTime)), &reservation)
    }
}

extension VerificationError {
    /// Whether the provider may have carried out the revocation that failed with this error, or never received it.
    ///
    /// An answer to the contrary leaves nothing open: then nothing was revoked, and the denial of an invented account would cost the
    /// others their room in the list.
    fileprivate var leavesRevocationOpen: Bool {
        switch code {
        case .providerUnavailable: scope != .credential
        case .providerBusy, .deadlineExceeded: true
        case .providerMisconfigured, .tooManyDenials, .unsupported, .invalidRequest, .storeUnavailable, .internal: false
        }
    }
}
