package import DoormanCore
package import DoormanSupport

extension AccountKitVerifier {
    package func revoke(_ request: RevocationRequest, deadline: Deadline) async throws(VerificationError) {
        try check(applicationID: request.applicationID)
        switch request.subject {
        case .token(let token): try await revoke(token, deadline: deadline)
        case .account(let id): try await revokeAllTokens(ofAccount: id, deadline: deadline)
        }
    }

    /// E3.
    private func revoke(_ token: Token, deadline: Deadline) async throws(VerificationError) {
        if let refusal = refusalByForm(of: token) { throw VerificationError(.invalidRequest, refusal.message) }
        let answer = try await ask(.logout, requests.logout(token), deadline: deadline)
        switch answer {
        case .rejected(.tokenRejected):
            return  // It is void already.
        case .rejected(.proofInvalid):
            throw .misconfigured(AnswerKind.proofInvalid.sentence)
        default:
            try confirm(answer)
        }
    }

    /// E4. It is the application that asks, so a refused token here is the application's own.
    private func revokeAllTokens(ofAccount id: String, deadline: Deadline) async throws(VerificationError) {
        guard DecimalDigits.areAll(id, upTo: 64) else {
            throw VerificationError(.invalidRequest, "An account id is decimal digits.")
        }
        guard let request = requests.invalidateAllTokens(accountID: id) else {
            throw .misconfigured("Logging out an account needs the Account Kit secret, and none is set.")
        }
        let answer = try await ask(.invalidateAllTokens, request, deadline: deadline)
        guard answer != .rejected(.tokenRejected) else {
            throw .misconfigured("Account Kit refuses the application: check the app id and the Account Kit secret.")
        }
        try confirm(answer)
    }

    /// Both answer `{"success":true}`.
    private func confirm(_ answer: AnswerClass) throws(VerificationError) {
        switch answer {
        case .success(let body):
            guard body["success"] == .bool(true) else { throw .oddAnswer }
        case .rejected:
            throw VerificationError(.invalidRequest, "Account Kit refuses to revoke this.")
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(answer)
        }
    }
}
