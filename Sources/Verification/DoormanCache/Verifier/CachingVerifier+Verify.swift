package import DoormanCore
package import DoormanSupport

extension CachingVerifier: TokenProvider {
    package func refusalByForm(of token: Token) -> Rejection? {
        upstream.refusalByForm(of: token)
    }

    /// Whose token it is, from memory or else from the provider. Failing to ask is never remembered.
    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        if let refusal = upstream.refusalByForm(of: request.token) { return .rejected(refusal) }
        let key = keys.key(forToken: request.token.bytes.span)
        let arrival = timeSource.now()
        var isRepeated = false
        while true {
            let now = timeSource.now()
            let recollection = cache.recall(key, maxAge: request.maxAge, now: now, isRepeated: isRepeated)
            isRepeated = true
            if case .known(let verdict, let isDueForRefresh) = recollection {
                if isDueForRefresh { refresh(request.token, key) }
                return judge(verdict, for: request)
            }
            let hasStandIn = recollection == .outdated
            let answer: Answer
            do throws(VerificationError) {
                answer = try await questions.value(
                    for: key, deadline: patience(until: deadline, hasStandIn: hasStandIn, now: now)
                ) { () async throws(VerificationError) in
                    try await self.ask(request, key)
                }
            } catch {
                if let verdict = standIn(for: error, request, key, hadStandIn: hasStandIn) { return judge(verdict, for: request) }
                // What it stopped waiting for early is gone: it goes on waiting.
                if error.code == .deadlineExceeded, !Task.isCancelled, !deadline.hasPassed(at: timeSource.now()) { continue }
                throw error
            }
            // A flight that was started for a call with less strict a wish may bring an answer that is too old for this one.
            guard let maxAge = request.maxAge else { return judge(answer.verdict, for: request) }
            if let askedAt = answer.askedAt, askedAt.duration(to: arrival) <= maxAge { return judge(answer.verdict, for: request) }
        }
    }

    /// What a flight brings.
    struct Answer: Sendable {
        let verdict: Verdict
        /// When the provider was asked; nil if it was not, since memory had the answer.
        let askedAt: Instant?
    }

    /// Puts the question and stores the answer.
    ///
    /// The provider is asked for facts, without the audience: others may wait for the same answer who expect another one. The
    /// audience only says where to look first.
    func ask(_ request: VerificationRequest, _ key: TokenKey) async throws(VerificationError) -> Answer {
        let stamp = cache.stamp(for: key)
        let now = timeSource.now()
        // An earlier flight may have landed after this one's caller looked into memory.
        if !request.isRefresh,
            case .known(let verdict, _) = cache.recall(key, maxAge: request.maxAge, now: now, isRepeated: true)
        {
            return Answer(verdict: verdict, askedAt: nil)
        }
        let question = VerificationRequest(
            token: request.token, isRefresh: request.isRefresh,
            likelyApplicationID: request.applicationID ?? request.likelyApplicationID ?? knownApplication(of: key, now: now))
        do throws(VerificationError) {
            let verdict = try await withinFlight { () async throws(VerificationError) in
                try await self.upstream.verify(question, deadline: self.flightDeadline(from: now))
            }
            return Answer(verdict: remember(verdict, for: key, askedAt: now, stamp: stamp), askedAt: now)
        } catch {
            if request.isRefresh { postponeRefresh(of: key) }
            if error.code == .providerUnavailable || error.code == .providerBusy { giveStale(key, maxAge: nil) }
            throw error
        }
    }

    /// The application that the token was made for, if memory has an answer about it, past its time or not.
    private func knownApplication(of key: TokenKey, now: Instant) -> String? {
        guard case .valid(let identity)? = cache.standIn(for: key, maxAge: nil, now: now)?.verdict else { return nil }
        return identity.applicationID.isEmpty ? nil : identity.applicationID
    }

    /// A flight's deadline is ours, not its callers', who have their own: that it passed means that the provider did not answer.
    func withinFlight<Value>(
        _ call: () async throws(VerificationError) -> Value
    ) async throws(VerificationError) -> Value {
        do throws(VerificationError) {
            return try await call()
        } catch {
            guard error.code == .deadlineExceeded else { throw error }
            throw VerificationError(.providerUnavailable, error.message, retryAfter: error.retryAfter)
        }
    }

    private func judge(_ verdict: Verdict, for request: VerificationRequest) -> Verdict {
        guard case .valid(let identity) = verdict, let wanted = request.applicationID, wanted != identity.applicationID else {
            return verdict
        }
        return .rejected(Rejection(.wrongApplication, "The token was made for another application."))
    }
}
