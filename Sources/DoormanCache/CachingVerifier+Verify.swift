package import DoormanCore

extension CachingVerifier: TokenProvider {
    package func refusalByForm(of token: Token) -> Rejection? {
        upstream.refusalByForm(of: token)
    }

    /// Whose token it is, from memory or else from the provider. Failing to ask is never remembered.
    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        if let refusal = upstream.refusalByForm(of: request.token) { return .rejected(refusal) }
        let key = keys.key(forToken: request.token.bytes.span)
        while true {
            if let verdict = cache.verdict(for: key, maxAge: request.maxAge, now: timeSource.now()) {
                return judge(verdict, for: request)
            }
            let answer = try await questions.value(for: key, deadline: deadline) { () async throws(VerificationError) in
                try await self.ask(request, key)
            }
            // A flight that was started for a call with less strict a wish may have found its answer in memory.
            if answer.isFromProvider || request.maxAge == nil { return judge(answer.verdict, for: request) }
        }
    }

    /// What a flight brings.
    struct Answer: Sendable {
        let verdict: Verdict
        let isFromProvider: Bool
    }

    /// Puts the question and stores the answer.
    ///
    /// The provider is asked for facts, without the audience: others may wait for the same answer who expect another one.
    private func ask(_ request: VerificationRequest, _ key: TokenKey) async throws(VerificationError) -> Answer {
        let stamp = cache.stamp(for: key)
        let now = timeSource.now()
        // An earlier flight may have landed after this one's caller looked into memory.
        if let verdict = cache.verdict(for: key, maxAge: request.maxAge, now: now, countsMiss: false) {
            return Answer(verdict: verdict, isFromProvider: false)
        }
        let verdict = try await upstream.verify(VerificationRequest(token: request.token), deadline: flightDeadline(from: now))
        return Answer(verdict: remember(verdict, for: key, askedAt: now, stamp: stamp), isFromProvider: true)
    }

    private func judge(_ verdict: Verdict, for request: VerificationRequest) -> Verdict {
        guard case .valid(let identity) = verdict, let wanted = request.applicationID, wanted != identity.applicationID else {
            return verdict
        }
        return .rejected(Rejection(.wrongApplication, "The token was made for another application."))
    }
}
