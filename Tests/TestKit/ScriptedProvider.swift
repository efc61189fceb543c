package import DoormanCore
package import DoormanSupport
package import NIOConcurrencyHelpers

/// A provider with scripted responses for each method. It records its requests.
///
/// By default verifications and exchanges wait for a response by hand, revocations and checks of the credential succeed, and accounts
/// are unsupported.
package final class ScriptedProvider: TokenRouter {
    package typealias SyntaxCheck = @Sendable (Token) -> Rejection?

    package let verifications: ScriptedCalls<VerificationRequest, Verdict>
    package let exchanges: ScriptedCalls<ExchangeRequest, ExchangeVerdict>
    package let revocations: ScriptedCalls<RevocationRequest, RevocationOutcome>
    package let accountLists: ScriptedCalls<AccountListRequest, AccountPage>
    package let accountDeletions: ScriptedCalls<AccountDeletionRequest, Void>
    package let credentialChecks: ScriptedCalls<Void, Void>
    /// The provider and the application of calls that name none.
    package let onlyTarget = NIOLockedValueBox(ProviderTarget())
    /// The equivalents of every token.
    package let equivalentTokens = NIOLockedValueBox<[Token]>([])
    private let syntaxCheck: SyntaxCheck

    /// - Parameters:
    ///   - recordsRequests: Whether requests are recorded. Memory benchmarks record none. Calls are always counted.
    ///   - syntaxCheck: Validates the syntax of a token. The default rejects the empty token.
    package init(
        recordsRequests: Bool = true,
        syntaxCheck: @escaping SyntaxCheck = { $0.bytes.isEmpty ? Rejection(.malformedToken, "The token is empty.") : nil }
    ) {
        let unsupported = VerificationError(.unsupported, "This provider has no accounts.")
        verifications = ScriptedCalls(recordsRequests: recordsRequests, script: nil)
        exchanges = ScriptedCalls(recordsRequests: recordsRequests, script: nil)
        revocations = ScriptedCalls(recordsRequests: recordsRequests) { _ in .success(.revoked) }
        accountLists = ScriptedCalls(recordsRequests: recordsRequests) { _ in .failure(unsupported) }
        accountDeletions = ScriptedCalls(recordsRequests: recordsRequests) { _ in .failure(unsupported) }
        credentialChecks = ScriptedCalls(recordsRequests: recordsRequests) { _ in .success(()) }
        self.syntaxCheck = syntaxCheck
    }

    package func validateSyntax(of token: Token) -> Rejection? {
        syntaxCheck(token)
    }

    package func resolve(
        _ target: ProviderTarget, for operation: ProviderOperation
    ) throws(VerificationError) -> ProviderTarget {
        let only = onlyTarget.withLockedValue { $0 }
        return ProviderTarget(
            provider: target.provider ?? only.provider, applicationID: target.applicationID ?? only.applicationID)
    }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        try await verifications.call(request, deadline: deadline)
    }

    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await exchanges.call(request, deadline: deadline)
    }

    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        try await revocations.call(request, deadline: deadline)
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await accountLists.call(request, deadline: deadline)
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await accountDeletions.call(request, deadline: deadline)
    }

    package func equivalents(of token: Token, naming provider: String?) -> [Token] {
        equivalentTokens.withLockedValue { $0 }
    }

    package func checkCredential(deadline: Deadline) async throws(VerificationError) {
        try await credentialChecks.call((), deadline: deadline)
    }

    // MARK: - All methods together

    package var callCount: Int {
        verifications.count + exchanges.count + revocations.count + accountLists.count + accountDeletions.count
    }

    /// Calls whose task was cancelled while they waited.
    package var cancelledCount: Int {
        verifications.cancelledCount + exchanges.cancelledCount + revocations.cancelledCount + accountLists.cancelledCount
            + accountDeletions.cancelledCount
    }

    /// Makes every later call wait for ``release()``.
    package func hold() {
        verifications.hold()
        exchanges.hold()
        revocations.hold()
        accountLists.hold()
        accountDeletions.hold()
    }

    /// Continues all held calls, and holds no later call.
    package func release() {
        verifications.release()
        exchanges.release()
        revocations.release()
        accountLists.release()
        accountDeletions.release()
    }
}
