package import DoormanCore
package import DoormanSupport

/// Sends calls to a provider when its governor allows them. Works with any provider.
package struct GovernedVerifier: Sendable {
    private let provider: any TokenProvider
    private let governor: Governor

    package init(provider: any TokenProvider, governor: Governor) {
        self.provider = provider
        self.governor = governor
    }
}

extension GovernedVerifier: TokenProvider {
    package func validateSyntax(of token: Token) -> Rejection? {
        provider.validateSyntax(of: token)
    }

    package func resolve(
        _ target: ProviderTarget, for operation: ProviderOperation
    ) throws(VerificationError) -> ProviderTarget {
        try provider.resolve(target, for: operation)
    }

    package func equivalents(of token: Token, naming provider: String?) -> [Token] {
        self.provider.equivalents(of: token, naming: provider)
    }

    /// Verifies a token. Retries once if the provider failed and the governor allows it, since a verification is safe to repeat. After a
    /// failure that may be the token's own, later calls about it get the same error without a request, for ``FailedTokens/time``.
    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let token = request.token.hashValue
        if let failure = governor.recentFailure(of: token) { throw failure }
        do throws(VerificationError) {
            return try await verify(request, token, deadline: deadline)
        } catch {
            governor.noteFailure(error, of: token)
            throw error
        }
    }

    private func verify(
        _ request: VerificationRequest, _ token: Int, deadline: Deadline
    ) async throws(VerificationError) -> Verdict {
        var first = try await governor.permit(for: request.purpose, deadline: deadline)
        first.token = token
        // The token may have failed while the call waited.
        if let failure = governor.recentFailure(of: token) {
            governor.finish(first, .inconclusive)
            throw failure
        }
        do throws(VerificationError) {
            let verdict = try await provider.verify(request, deadline: deadline)
            governor.finish(first, .responded)
            return verdict
        } catch {
            // A retry is useless before the time that the provider named, where the same request has the same result, and right after an
            // odd response to another call about the token.
            let mayRetry =
                error.retryAfter == nil && error.scope == .provider && !Task.isCancelled
                && governor.recentFailure(of: token) == nil
            let result = governor.result(of: error, first)
            guard var retryPermit = governor.retry(first, after: result, deadline: mayRetry ? deadline : nil) else {
                throw governor.addingBackOff(to: error)
            }
            retryPermit.token = first.token
            return try await governor.finishing(retryPermit) { () async throws(VerificationError) in
                try await provider.verify(request, deadline: deadline)
            }
        }
    }

    /// Exchanges a code. Never retries: a code works once, and a failed request may have spent it.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await governor.perform(deadline) { () async throws(VerificationError) in
            try await provider.exchange(request, deadline: deadline)
        }
    }

    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        try await governor.perform(deadline) { () async throws(VerificationError) in
            try await provider.revoke(request, deadline: deadline)
        }
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await governor.perform(deadline) { () async throws(VerificationError) in
            try await self.provider.accounts(request, deadline: deadline)
        }
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await governor.perform(deadline) { () async throws(VerificationError) in
            try await self.provider.deleteAccount(request, deadline: deadline)
        }
    }

    package func checkCredential(deadline: Deadline) async throws(VerificationError) {
        try await governor.perform(deadline) { () async throws(VerificationError) in
            try await self.provider.checkCredential(deadline: deadline)
        }
    }
}

extension Governor {
    /// Makes a provider request when it may begin, and records its result.
    package func perform<Value>(
        _ deadline: Deadline, _ call: () async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        try await finishing(try await permit(for: .demand, deadline: deadline), call)
    }

    fileprivate func finishing<Value>(
        _ permit: Permit, _ call: () async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        do throws(VerificationError) {
            let value = try await call()
            finish(permit, .responded)
            return value
        } catch {
            finish(permit, result(of: error, permit))
            throw addingBackOff(to: error)
        }
    }

    /// Returns what an error shows about the provider.
    fileprivate func result(of error: VerificationError, _ permit: Permit) -> CallResult {
        switch error.code {
        case .providerUnavailable:
            switch error.scope {
            case .provider: .failed
            // The provider responded, but its response was malformed.
            case .request, .verdicts: .responded
            // The cause may be our secret.
            case .credential: .inconclusive
            }
        case .providerBusy: .throttled(retryAfter: error.retryAfter)
        case .deadlineExceeded: wasSlow(permit) ? .failed : .inconclusive
        // The provider responded, and its token exceeds a limit of ours.
        case .providerMisconfigured where error.scope == .request: .responded
        // The store of the fleet says nothing about the provider.
        case .providerMisconfigured, .storeUnavailable, .tooManyDenials, .unsupported, .invalidRequest, .internal: .inconclusive
        }
    }

    /// Adds the time after which it may come back to the error of a throttled call.
    fileprivate func addingBackOff(to error: VerificationError) -> VerificationError {
        guard error.code == .providerBusy, let retryAfter = retryTimeAfterBackOff() else { return error }
        return VerificationError(.providerBusy, error.message, retryAfter: retryAfter, request: error.request)
    }
}
