package import DoormanCore
package import DoormanSupport

extension CachingVerifier {
    /// Exchanges a code, once for all calls that bring it at the same time: a code is good once, and a second try would be told
    /// that it has been used. The identity that comes with the token is remembered.
    ///
    /// No revocation detaches an exchange: its token is known to nobody yet, and a new flight could only lose it.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        // Whether the only application is named or not, it is the same code.
        let key = keys.key(
            forCode: request.code.bytes.span, applicationID: request.applicationID ?? settings.defaultApplicationID)
        return try await exchanges.value(for: key, deadline: deadline) { () async throws(VerificationError) in
            try await self.redeem(request)
        }
    }

    private func redeem(_ request: ExchangeRequest) async throws(VerificationError) -> ExchangeVerdict {
        let stamp = cache.stampForExchange()
        let now = timeSource.now()
        let verdict = try await withinFlight { () async throws(VerificationError) in
            try await self.upstream.exchange(request, deadline: self.flightDeadline(from: now))
        }
        guard case .issued(let token, let identity?) = verdict else { return verdict }
        let key = keys.key(forToken: token.bytes.span)
        guard case .valid(let fresh) = remember(.valid(identity), for: key, askedAt: now, stamp: stamp) else { return verdict }
        return .issued(token, fresh)
    }
}
