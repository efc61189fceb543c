package import DoormanCore
package import DoormanSupport

extension CachingVerifier {
    /// Nothing of it is remembered: an operator wants what is, and pages are not asked for twice.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try await upstream.accounts(request, deadline: deadline)
    }

    /// Deletes at the provider, and forgets the account's tokens here, just as a revocation does: whether or not that worked.
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        do throws(VerificationError) {
            try await upstream.deleteAccount(request, deadline: deadline)
        } catch {
            if error.code != .invalidRequest { forget(accountID: request.accountID, applicationID: request.applicationID) }
            throw error
        }
        forget(accountID: request.accountID, applicationID: request.applicationID)
    }
}
