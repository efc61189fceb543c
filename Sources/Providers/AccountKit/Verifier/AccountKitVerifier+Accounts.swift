package import DoormanCore
package import DoormanSupport
internal import ProviderHTTP

// For operators: both calls speak for the application, so a refused token is the application's own.

extension AccountKitVerifier {
    /// E6. The next page is asked for anew, with the cursor alone: see ``PageCursor``.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        try check(applicationID: request.applicationID)
        guard AccountListRequest.pageSizes.contains(request.pageSize) else {
            throw VerificationError(.invalidRequest, "A page has 1 to 1000 accounts.")
        }
        if let after = request.after, !PageCursor.isPossible(after) {
            throw VerificationError(.invalidRequest, "This is nothing that a page gave as the beginning of the next.")
        }
        guard let question = requests.accounts(limit: request.pageSize, after: request.after) else {
            throw .misconfigured("Listing accounts needs the Account Kit secret, and none is set.")
        }
        let body = try await success(.accounts, question, refusal: "Account Kit refuses to list the accounts.", deadline: deadline)
        // A page that leads to itself would be asked for without end.
        guard let page = AccountsAnswer(body, limit: request.pageSize)?.page, page.next == nil || page.next != request.after else {
            throw .oddAnswer
        }
        return page
    }

    /// E5.
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        try check(applicationID: request.applicationID)
        guard DecimalDigits.areAll(request.accountID, upTo: 64) else {
            throw VerificationError(.invalidRequest, "An account id is decimal digits.")
        }
        guard let question = requests.deleteAccount(id: request.accountID) else {
            throw .misconfigured("Deleting an account needs the Account Kit secret, and none is set.")
        }
        let body = try await success(
            .deleteAccount, question, refusal: "Account Kit refuses to delete this account.", deadline: deadline)
        guard body["success"] == .bool(true) else { throw .oddAnswer }
    }

    /// - Parameter refusal: What to say of a refusal that is about the request.
    private func success(
        _ endpoint: AccountKitEndpoint, _ question: HTTPRequest, refusal: String, deadline: Deadline
    ) async throws(VerificationError) -> [String: JSONValue] {
        let answer = try await ask(endpoint, question, deadline: deadline)
        switch answer {
        case .success(let body):
            return body
        case .rejected(.tokenRejected), .rejected(.proofInvalid):
            throw .misconfigured("Account Kit refuses the application: check the app id and the Account Kit secret.")
        case .rejected:
            throw VerificationError(.invalidRequest, refusal)
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(answer)
        }
    }
}
