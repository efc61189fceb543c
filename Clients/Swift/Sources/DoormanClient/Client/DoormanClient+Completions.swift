public import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

// Calls that end with a completion.

extension DoormanClient {
    /// Verifies a token for code without a task: a callback of another library, or an event loop.
    ///
    /// The call has the deadline, retries and limits of ``verify(_:maxAge:applicationID:timeout:)``, but can't be cancelled. It takes less
    /// than half the time of a call by a task on Swift's own threads.
    ///
    /// - Parameters:
    ///   - token: The token, exactly as the app sent it.
    ///   - maxAge: The maximum age of the verdict. It is rounded down to whole seconds, and at least 1 s. Default `nil`: any cached verdict
    ///     within its TTL.
    ///   - applicationID: The application that the token must have been issued for, not empty. Default `nil`: any application of the
    ///     server.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    ///   - completion: Gets the outcome, once, on the client's event loop. It is never called before this method has returned to a caller
    ///     on that loop, nor if this method throws. It may make calls. All responses wait for it, and so does everything else in the
    ///     process that uses this loop, so it must be quick and not block.
    /// - Throws: ``UnavailableReason/malformedRequest`` if `applicationID` is empty or contains a NUL byte.
    ///   ``UnavailableReason/tooManyWaiting`` if ``DoormanClientConfiguration/maximumWaitingCalls`` calls wait for the client's event loop.
    ///   The completion gets all other errors, including ``UnavailableReason/tooManyWaiting`` for calls that wait for a connection.
    public func verify(
        _ token: Token, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil,
        completion: @escaping @Sendable (_ outcome: Result<Identity, DoormanError>) -> Void
    ) throws(DoormanError) {
        try verify(
            token, requiring: TokenRequirements(applicationID: applicationID), maxAge: maxAge, timeout: timeout,
            completion: completion)
    }

    /// Verifies a token that must have certain facts, for code without a task. See ``verify(_:maxAge:applicationID:timeout:completion:)``.
    ///
    /// - Parameters:
    ///   - token: The token, exactly as the app sent it.
    ///   - requirements: The provider, the application and the scopes that the token must have. An empty name is an error.
    ///   - maxAge: The maximum age of the verdict. It is rounded down to whole seconds, and at least 1 s. Default `nil`: any cached verdict
    ///     within its TTL.
    ///   - notBefore: The revocation that the verdict must not be older than: ``RevocationResult/position``. Default `nil`: none.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    ///   - completion: Gets the outcome, once, on the client's event loop.
    /// - Throws: See ``verify(_:maxAge:applicationID:timeout:completion:)``.
    public func verify(
        _ token: Token, requiring requirements: TokenRequirements, maxAge: Duration? = nil, notBefore: RevocationPosition? = nil,
        timeout: Duration? = nil, completion: @escaping @Sendable (_ outcome: Result<Identity, DoormanError>) -> Void
    ) throws(DoormanError) {
        var request = VerificationRequest(token: token, requirements: requirements, maxAge: maxAge)
        request.notBefore = notBefore
        let verify = Operation.verify(request)
        let completion =
            requirements.provider == nil && requirements.scopes.isEmpty ? completion : Self.checking(requirements, completion)
        guard let nearCache else { return try begin(verify, timeout, completion) }
        let key = NearCache.Key(token: token, requirements: requirements)
        let isCacheable = maxAge == nil && notBefore == nil
        if isCacheable, let identity = nearCache.identity(for: key, at: time.now) {
            try countingErrors { () throws(DoormanError) in try submissions.addBounded(identity, for: completion) }
            return metrics.recordNearCacheHit()
        }
        let revocations = nearCache.revocations
        try begin(verify, timeout) { [time] outcome in
            switch outcome {
            case .success(let identity):
                if isCacheable, requirements.denial(of: identity) == nil {
                    nearCache.store(identity, for: key, revocations: revocations, at: time.now, civil: .now)
                }
            case .failure(let error):
                if error.rejection == .tokenRejected { nearCache.remove(rejected: token) }
            }
            completion(outcome)
        }
    }

    /// Returns a completion that gets an error in place of an identity which does not fulfil the requirements.
    private static func checking(
        _ requirements: TokenRequirements, _ completion: @escaping ClientCall.Completion
    ) -> ClientCall.Completion {
        { outcome in
            guard case .success(let identity) = outcome, let denial = requirements.denial(of: identity) else {
                return completion(outcome)
            }
            completion(.failure(DoormanError(unmet: denial)))
        }
    }

    /// Begins a verify that ends with a completion.
    @inline(__always)
    private func begin(
        _ operation: consuming Operation, _ timeout: Duration?, _ completion: @escaping ClientCall.Completion
    ) throws(DoormanError) {
        if let error = operation.nameError { throw error }
        let start = time.now
        let span = tracing.start(.verify)
        let deadline = deadline(from: start, timeout)
        let told = metrics.isOn ? counted(completion, since: start) : completion
        let call = ClientCall(operation, metadata: tracing.metadata(span), deadline: deadline, client: self, completion: told)
        if let span { call.trace(span) }
        guard !eventLoop.inEventLoop else { return dispatcher.value.submit(call, at: start) }
        do throws(DoormanError) {
            try countingErrors { () throws(DoormanError) in try submissions.addBounded(call) }
        } catch {
            span?.end(error, server: nil)
            throw error
        }
    }

    /// Counts a call that fails before it reaches the client's thread.
    private func countingErrors(_ body: () throws(DoormanError) -> Void) throws(DoormanError) {
        do throws(DoormanError) {
            try body()
        } catch {
            if metrics.isOn { metrics.recordCall(.verify, error, nanoseconds: 0) }
            throw error
        }
    }

    private func counted(_ completion: @escaping ClientCall.Completion, since start: Instant) -> ClientCall.Completion {
        { [metrics, time] outcome in
            let error: DoormanError? = if case .failure(let error) = outcome { error } else { nil }
            metrics.recordCall(.verify, error, nanoseconds: Int64(clamping: time.now.nanoseconds - start.nanoseconds))
            completion(outcome)
        }
    }
}
