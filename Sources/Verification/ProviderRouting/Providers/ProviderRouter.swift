package import DoormanCore
package import DoormanSupport

/// Routes each call to the provider that can serve it. The cache asks it after a miss only.
///
/// - A call that names a provider goes to that provider. A revocation goes to the provider of the token's form, too.
/// - A token of a call that names none is routed by its form: see ``TokenPattern``. With a single pool, the form is not used.
/// - Any other call goes to the only pool that has the operation.
package final class ProviderRouter: Sendable {
    /// Providers that share a form of tokens, behind one verifier: all applications of a kind, or one issuer or client.
    package struct Pool: Sendable {
        /// The names of the providers.
        package let names: [String]
        package let pattern: TokenPattern
        /// The ids of the applications; empty if the verifier decides which applications a token can be for.
        package let applicationIDs: [String]
        /// The operations that the providers have.
        package let operations: Set<ProviderOperation>
        /// Whether the providers go on to accept a token that was revoked, so that only Doorman denies it.
        package let seesNoRevocation: Bool
        package let provider: any TokenProvider
        /// The permits of lookups; `nil`, the default, if ``provider`` counts them by itself, or if there is no other provider.
        package var lookupPermits: LookupPermits?

        package init(
            names: [String], pattern: TokenPattern, applicationIDs: [String] = [], operations: Set<ProviderOperation>,
            seesNoRevocation: Bool, provider: any TokenProvider
        ) {
            self.names = names
            self.pattern = pattern
            self.applicationIDs = applicationIDs
            self.operations = operations
            self.seesNoRevocation = seesNoRevocation
            self.provider = provider
        }
    }

    /// Returns the issuer that a JSON Web Token claims, without any check; `nil` for another token.
    package typealias UnverifiedIssuer = @Sendable (Token) -> String?

    private let pools: [Pool]
    private let unverifiedIssuer: UnverifiedIssuer
    private let hasIssuers: Bool

    /// - Parameter pools: At least one. No two have a name or an issuer in common.
    package init(_ pools: [Pool], unverifiedIssuer: @escaping UnverifiedIssuer) {
        precondition(!pools.isEmpty, "at least one provider is configured")
        let names = pools.flatMap(\.names)
        precondition(Set(names).count == names.count, "a provider's name is unique")
        self.pools = pools
        self.unverifiedIssuer = unverifiedIssuer
        hasIssuers = pools.contains { if case .issuer = $0.pattern { true } else { false } }
    }

    private enum Route {
        case pool(Pool)
        /// No provider issues tokens of this form.
        case noProvider
        /// Several providers could know the token.
        case severalProviders
    }

    private func route(_ token: Token, naming name: String?) throws(VerificationError) -> Route {
        if let name { return .pool(try pool(named: name)) }
        if pools.count == 1 { return .pool(pools[0]) }
        if hasIssuers, let issuer = unverifiedIssuer(token), let pool = pools.first(where: { $0.pattern.isIssuer(issuer) }) {
            return .pool(pool)
        }
        for pool in pools {
            if case .prefix(let prefix) = pool.pattern, token.begins(with: prefix) { return .pool(pool) }
        }
        let others = pools.filter { $0.pattern == .opaque }
        guard let first = others.first else { return .noProvider }
        return others.count == 1 ? .pool(first) : .severalProviders
    }

    private func pool(named name: String) throws(VerificationError) -> Pool {
        guard let pool = pools.first(where: { $0.names.contains { $0.isIdentical(to: name) } }) else { throw .unknownProvider }
        return pool
    }

    /// Returns the pool whose provider judges a token.
    ///
    /// - Parameter known: The provider for which the token was valid before. Decides if the form does not.
    private func pool(
        for token: Token, naming name: String?, known: String? = nil
    ) throws(VerificationError) -> Result<Pool, UnroutableToken> {
        switch try route(token, naming: name) {
        case .pool(let pool): return .success(pool)
        case .noProvider: return .failure(UnroutableToken())
        case .severalProviders:
            guard let known, let pool = pools.first(where: { $0.names.contains(known) }) else { throw .ambiguousToken }
            return .success(pool)
        }
    }

    /// The error of a token whose form no provider has.
    private struct UnroutableToken: Error {}

    /// Returns the only pool that an operation can be for.
    private func pool(for operation: ProviderOperation, _ target: ProviderTarget) throws(VerificationError) -> Pool {
        if let name = target.provider {
            let pool = try pool(named: name)
            guard pool.operations.contains(operation) else { throw .operationUnsupported }
            return pool
        }
        let able = pools.filter { $0.operations.contains(operation) }
        guard !able.isEmpty else { throw .operationUnsupported }
        guard able.count > 1 else { return able[0] }
        let matching = able.filter { pool in target.applicationID.map { pool.applicationIDs.contains($0) } ?? true }
        guard matching.count == 1 else { throw matching.isEmpty ? .unknownApplication : .ambiguousProvider }
        return matching[0]
    }
}

extension ProviderRouter: TokenRouter {
    package func validateSyntax(of token: Token) -> Rejection? { validateSyntax(of: token, naming: nil) }

    package func knows(provider: String) -> Bool { pools.contains { $0.names.contains(provider) } }

    /// A provider that is no longer configured counts as one that sees no revocation.
    package func seesNoRevocation(provider: String) -> Bool {
        pools.first { $0.names.contains(provider) }?.seesNoRevocation ?? true
    }

    package func seesNoRevocation(of token: Token, naming name: String?) -> Bool {
        guard case .pool(let pool)? = try? route(token, naming: name) else { return false }
        return pool.seesNoRevocation
    }

    package func validateSyntax(of token: Token, naming name: String?) -> Rejection? {
        do throws(VerificationError) {
            switch try route(token, naming: name) {
            case .pool(let pool): return pool.provider.validateSyntax(of: token)
            case .noProvider: return .unroutable
            case .severalProviders: return nil
            }
        } catch {
            // The call fails with this error when it is made.
            return nil
        }
    }

    package func resolve(
        _ target: ProviderTarget, for operation: ProviderOperation
    ) throws(VerificationError) -> ProviderTarget {
        try pool(for: operation, target).provider.resolve(target, for: operation)
    }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        switch try pool(for: request.token, naming: request.provider, known: request.known?.provider) {
        case .success(let pool):
            return try await pool.lookupPermits.perform(for: pool.names[0]) { () async throws(VerificationError) in
                try await pool.provider.verify(request, deadline: deadline)
            }
        case .failure: return .rejected(.unroutable)
        }
    }

    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await pool(for: .exchange, request.target).provider.exchange(request, deadline: deadline)
    }

    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        switch request.subject {
        case .account:
            return try await pool(for: .accountRevocation, request.target).provider.revoke(request, deadline: deadline)
        case .token(let token):
            guard case .success(let pool) = try pool(for: token, naming: request.provider) else {
                throw VerificationError(.invalidRequest, Rejection.unroutable.message)
            }
            let outcome = try await pool.provider.revoke(request, deadline: deadline)
            guard let other = otherPool(for: token, naming: request.provider) else { return outcome }
            var request = request
            (request.provider, request.applicationID) = (nil, nil)
            return outcome.combined(with: try await revokeToo(request, at: other, deadline))
        }
    }

    /// Revokes a token at another provider, after the named one has revoked it.
    ///
    /// - Returns: ``RevocationOutcome/alreadyInvalid`` if the provider has no such operation or can't have issued the token.
    /// - Throws: An error after which the token is denied here, since one provider has revoked it.
    private func revokeToo(
        _ request: RevocationRequest, at pool: Pool, _ deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        do throws(VerificationError) {
            return try await pool.provider.revoke(request, deadline: deadline)
        } catch {
            switch error.code {
            case .unsupported, .invalidRequest: return .alreadyInvalid
            case .providerUnavailable where error.scope != .credential: throw error
            case .providerBusy, .deadlineExceeded: throw error
            default:
                throw VerificationError(
                    .providerUnavailable,
                    "The named provider revoked the token; the provider of the token's form did not: \(error.message)",
                    retryAfter: error.retryAfter)
            }
        }
    }

    /// Returns the pool of a token's form, if the call names another. The named provider may not know the token, so it has nothing to revoke, and
    /// calls that name none would go on to get an identity.
    private func otherPool(for token: Token, naming name: String?) -> Pool? {
        guard let name, case .pool(let pool)? = try? route(token, naming: nil), !pool.names.contains(name) else { return nil }
        return pool
    }

    package func equivalents(of token: Token, naming name: String?) -> [Token] {
        var tokens: [Token] = []
        if case .pool(let pool)? = try? route(token, naming: name) { tokens = pool.provider.equivalents(of: token, naming: name) }
        let others = otherPool(for: token, naming: name)?.provider.equivalents(of: token, naming: nil) ?? []
        return tokens + others.filter { !tokens.contains($0) }
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await pool(for: .accountList, request.target).provider.accounts(request, deadline: deadline)
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await pool(for: .accountDeletion, request.target).provider.deleteAccount(request, deadline: deadline)
    }
}

extension VerificationError {
    fileprivate static let unknownProvider = VerificationError(
        .invalidRequest, "The requested provider is not configured on this server.")
    fileprivate static let ambiguousToken = VerificationError(
        .invalidRequest, "Several providers could know this token: the request must name its provider.")
    fileprivate static let ambiguousProvider = VerificationError(
        .invalidRequest, "Several providers have this operation: the request must name its provider or its application.")
    fileprivate static let operationUnsupported = VerificationError(
        .unsupported, "No provider of this server has this operation, or the named provider does not.")
}

extension Rejection {
    fileprivate static let unroutable = Rejection(
        .malformedToken, "No provider of this server issues tokens of this form.")
}
