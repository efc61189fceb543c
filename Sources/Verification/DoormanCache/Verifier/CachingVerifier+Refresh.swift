internal import DoormanCore
internal import DoormanSupport

extension CachingVerifier {
    /// Asks again about a token that was just answered from memory, in the background, so that no call has to wait when its time
    /// is up. A call that comes meanwhile and can't be answered from memory joins.
    func refresh(_ token: Token, _ key: TokenKey) {
        let hasStarted = questions.start(for: key) { () async throws(VerificationError) in
            try await self.ask(VerificationRequest(token: token, isRefresh: true), key)
        }
        if !hasStarted { postponeRefresh(of: key) }
    }

    func postponeRefresh(of key: TokenKey) {
        cache.postponeRefresh(of: key, until: timeSource.now().advanced(by: settings.staleRetry))
    }
}
