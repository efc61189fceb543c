package import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// A router that can be replaced while calls go on, so that the cache in front of it stays. A call ends with the provider it
/// began with.
package final class HotSwappableProvider: Sendable {
    private let current: NIOLockedValueBox<any TokenRouter>

    package init(_ provider: any TokenRouter) {
        current = NIOLockedValueBox(provider)
    }

    /// Sends all later calls to another router.
    package func replace(with provider: any TokenRouter) {
        current.withLockedValue { $0 = provider }
    }

    private var provider: any TokenRouter { current.withLockedValue { $0 } }
}

extension HotSwappableProvider: TokenRouter {
    package func validateSyntax(of token: Token) -> Rejection? {
        provider.validateSyntax(of: token)
    }

    package func knows(provider name: String) -> Bool { provider.knows(provider: name) }

    package func seesNoRevocation(provider name: String) -> Bool { provider.seesNoRevocation(provider: name) }

    package func seesNoRevocation(of token: Token, naming name: String?) -> Bool {
        provider.seesNoRevocation(of: token, naming: name)
    }

    package func validateSyntax(of token: Token, naming name: String?) -> Rejection? {
        provider.validateSyntax(of: token, naming: name)
    }

    package func resolve(
        _ target: ProviderTarget, for operation: ProviderOperation
    ) throws(VerificationError) -> ProviderTarget {
        try provider.resolve(target, for: operation)
    }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        try await provider.verify(request, deadline: deadline)
    }

    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try await provider.exchange(request, deadline: deadline)
    }

    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        try await provider.revoke(request, deadline: deadline)
    }

    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await provider.accounts(request, deadline: deadline)
    }

    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try await provider.deleteAccount(request, deadline: deadline)
    }

    package func equivalents(of token: Token, naming name: String?) -> [Token] {
        provider.equivalents(of: token, naming: name)
    }

    package func checkCredential(deadline: Deadline) async throws(VerificationError) {
        try await provider.checkCredential(deadline: deadline)
    }
}
