package import DoormanCore
package import DoormanSupport

/// Asks the provider behind it when its governor gives leave. It knows nothing of what is asked, and is the same for every
/// provider.
package struct GovernedVerifier: Sendable {
    private let upstream: any TokenProvider
    private let governor: Governor

    package init(upstream: any TokenProvider, governor: Governor) {
        self.upstream = upstream
        self.governor = governor
    }
}

extension GovernedVerifier: TokenProvider {
    package func validateSyntax(of token: Token) -> Rejection? {
        upstream.validateSyntax(of: token)
    }

    /// Tried a second time if the provider failed and its governor thinks it wise: a question is safe to repeat.
    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let first = try await governor.permit(for: request.isRefresh ? .refresh : .demand, deadline: deadline)
        do throws(VerificationError) {
            let verdict = try await upstream.verify(request, deadline: deadline)
            governor.finish(first, .answered)
            return verdict
        } catch {
            // Not if the provider named a time, or the same question would get the same answer.
            let mayRepeat = error.retryAfter == nil && error.scope == .provider && !Task.isCancelled
            let told = result(of: error, first)
            guard let second = governor.retry(first, after: told, deadline: mayRepeat ? deadline : nil) else {
                throw explained(error)
            }
            return try await finishing(second) { () async throws(VerificationError) in
                try await upstream.verify(request, deadline: deadline)
            }
        }
    }

    /// Tried once: a code is good once, and nobody knows whether a lost answer spent it.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await governed(deadline) { () async throws(VerificationError) in
            try await upstream.exchange(request, deadline: deadline)
        }
    }

    package func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        try await governed(deadline) { () async throws(VerificationError) in
            try await upstream.revoke(request, deadline: deadline)
        }
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await governed(deadline) { () async throws(VerificationError) in
            try await self.upstream.accounts(request, deadline: deadline)
        }
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await governed(deadline) { () async throws(VerificationError) in
            try await self.upstream.deleteAccount(request, deadline: deadline)
        }
    }
}

extension GovernedVerifier {
    private func governed<Answer>(
        _ deadline: Deadline, _ call: () async throws(VerificationError) -> Answer
    ) async throws(VerificationError) -> Answer {
        try await finishing(try await governor.permit(for: .demand, deadline: deadline), call)
    }

    private func finishing<Answer>(
        _ permit: Permit, _ call: () async throws(VerificationError) -> Answer
    ) async throws(VerificationError) -> Answer {
        do throws(VerificationError) {
            let answer = try await call()
            governor.finish(permit, .answered)
            return answer
        } catch {
            governor.finish(permit, result(of: error, permit))
            throw explained(error)
        }
    }

    /// What an error tells about the provider.
    private func result(of error: VerificationError, _ permit: Permit) -> CallResult {
        switch error.code {
        case .providerUnavailable:
            switch error.scope {
            case .provider: .failed
            // It answered, and what it said was odd, or may have been about our secret.
            case .request: .answered
            case .credential: .inconclusive
            }
        case .providerBusy: .throttled(retryAfter: error.retryAfter)
        case .deadlineExceeded: governor.hasBeenSlow(permit) ? .failed : .inconclusive
        case .providerMisconfigured, .unsupported, .invalidRequest, .internal: .inconclusive
        }
    }

    /// Those who are throttled learn how long the back-off lasts that began with it.
    private func explained(_ error: VerificationError) -> VerificationError {
        guard error.code == .providerBusy, let backOff = governor.statistics.backOff else { return error }
        return VerificationError(.providerBusy, error.message, retryAfter: backOff)
    }
}
