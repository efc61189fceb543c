package import DoormanCore
package import DoormanSupport

extension AccountKitVerifier {
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        try check(applicationID: request.applicationID)
        if let refusal = CodeForm.refusal(of: request.code.bytes, maximumBytes: settings.maximumCodeBytes) {
            return .rejected(refusal)
        }
        guard let exchange = requests.exchange(request.code) else {
            throw .misconfigured("Exchanging codes needs the Account Kit secret, and none is set.")
        }
        let answer = try await ask(.accessToken, exchange, deadline: deadline)
        switch answer {
        case .success(let body):
            guard let issued = AccessTokenAnswer(body, maximumTokenBytes: settings.maximumTokenBytes) else {
                throw .oddAnswer
            }
            return await verdict(on: issued, deadline: deadline)
        case .rejected(let kind):
            return .rejected(Rejection(kind))
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(answer)
        }
    }

    /// The code is spent, so the token must reach the caller even if nobody can say whose it is just now, or if the two answers
    /// are at odds about that. A proof found wrong is such a case too: the token is new and our own, so it was the secret that
    /// changed in between.
    private func verdict(on issued: AccessTokenAnswer, deadline: Deadline) async -> ExchangeVerdict {
        do {
            switch try await whose(issued.token, deadline: deadline) {
            case .valid(let identity): return .issued(issued.token, identity.accountID == issued.accountID ? identity : nil)
            case .rejected(let rejection):
                return rejection.reason == .proofRejected ? .issued(issued.token, nil) : .rejected(rejection)
            }
        } catch {
            return .issued(issued.token, nil)
        }
    }

    /// - Throws: If the request names an application other than ours.
    func check(applicationID: String?) throws(VerificationError) {
        guard let applicationID, applicationID != settings.application.id else { return }
        throw .unknownApplication
    }
}
