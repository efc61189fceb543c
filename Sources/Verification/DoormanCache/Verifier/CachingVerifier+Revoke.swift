package import DoormanCore
package import DoormanSupport

extension CachingVerifier {
    /// Revokes at the provider, and forgets here whether or not that worked. Once this has returned or thrown, no call that
    /// begins later is answered with anything that was asked before. Only a request that makes no sense leaves all as it is:
    /// forgetting stops answers under way from being stored, and costs a walk through memory.
    package func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        do throws(VerificationError) {
            try await upstream.revoke(request, deadline: deadline)
        } catch {
            if error.code != .invalidRequest { forget(request) }
            throw error
        }
        forget(request)
    }

    /// Memory first, then the flights: an answer that lands in between is too late to be stored, and one that has not landed
    /// can't be joined any more.
    private func forget(_ request: RevocationRequest) {
        switch request.subject {
        case .token(let token):
            let key = keys.key(forToken: token.bytes.span)
            cache.revoke(key)
            questions.detach(key)
        case .account(let accountID):
            forget(accountID: accountID, applicationID: request.applicationID)
        }
    }

    func forget(accountID: String, applicationID: String?) {
        cache.revoke(accountID: accountID, applicationID: applicationID)
        // Whose tokens the open questions are about is not known yet.
        questions.detachAll()
    }
}
