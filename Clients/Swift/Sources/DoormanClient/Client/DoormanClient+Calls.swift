public import DoormanCore
internal import DoormanSupport
internal import DoormanWire
internal import NIOCore

// Calls that a task waits for.

extension DoormanClient {
    /// Verifies a token.
    ///
    /// - Parameters:
    ///   - token: The token, exactly as the app sent it.
    ///   - maxAge: The maximum age of the verdict. It is rounded down to whole seconds, and at least 1 s. Default `nil`: any cached verdict
    ///     within its TTL.
    ///   - applicationID: The application that the token must have been issued for, not empty. Default `nil`: any application of the
    ///     server.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    /// - Returns: The identity of the account that the token belongs to.
    public func verify(
        _ token: Token, maxAge: Duration? = nil, applicationID: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Identity {
        try await verify(
            token, requiring: TokenRequirements(applicationID: applicationID), maxAge: maxAge, timeout: timeout)
    }

    /// Verifies a token that must have certain facts, or that a certain revocation may concern.
    ///
    /// - Parameters:
    ///   - token: The token, exactly as the app sent it.
    ///   - requirements: The provider, the application and the scopes that the token must have. An empty name is an error.
    ///   - maxAge: The maximum age of the verdict. It is rounded down to whole seconds, and at least 1 s. Default `nil`: any cached verdict
    ///     within its TTL.
    ///   - notBefore: The revocation that the verdict must not be older than: ``RevocationResult/position``. Default `nil`: none. A server
    ///     that shares no revocations with others knows only its own, which are in effect there in any case.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    /// - Returns: The identity of the account that the token belongs to.
    /// - Throws: ``DoormanError/Kind-swift.enum/forbidden(_:)`` if the token is valid, but lacks a scope.
    public func verify(
        _ token: Token, requiring requirements: TokenRequirements, maxAge: Duration? = nil, notBefore: RevocationPosition? = nil,
        timeout: Duration? = nil
    ) async throws(DoormanError) -> Identity {
        var request = VerificationRequest(token: token, requirements: requirements, maxAge: maxAge)
        request.notBefore = notBefore
        guard let nearCache else {
            return try await finished(.verify(request), timeout).takeIdentity().fulfilling(requirements)
        }
        let key = NearCache.Key(token: token, requirements: requirements)
        let isCacheable = maxAge == nil && notBefore == nil
        if isCacheable, let identity = nearCache.identity(for: key, at: time.now) {
            metrics.recordNearCacheHit()
            return identity
        }
        let revocations = nearCache.revocations
        do throws(DoormanError) {
            let identity = try await finished(.verify(request), timeout).takeIdentity().fulfilling(requirements)
            if isCacheable { nearCache.store(identity, for: key, revocations: revocations, at: time.now, civil: .now) }
            return identity
        } catch {
            if error.rejection == .tokenRejected { nearCache.remove(rejected: token) }
            throw error
        }
    }

    /// Exchanges an authorization code for a token, and verifies the token.
    ///
    /// A code works once, so that an exchange that a server may have begun is never retried. After an error that is not retryable, ask the
    /// app for a new code.
    ///
    /// - Parameters:
    ///   - code: The code, exactly as the app sent it.
    ///   - applicationID: The application that the code was issued for. Default `nil`: the server's only application.
    ///   - provider: The provider that issued the code, by its name at the server. Default `nil`: the only one that exchanges codes.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    /// - Returns: The token, and the identity of its account.
    public func exchange(
        _ code: AuthorizationCode, applicationID: String? = nil, provider: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> Exchange {
        let request = ExchangeRequest(code: code, provider: provider, applicationID: applicationID)
        guard case .exchange(let token, let identity) = try await response(to: .exchange(request), timeout) else {
            throw .wrongResponse
        }
        return Exchange(token: token, identity: identity)
    }

    /// Returns the server's health.
    ///
    /// - Parameters:
    ///   - service: The full name of one service, such as `doorman.v1.Auth`. Default: empty, for the whole server.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    public func health(service: String = "", timeout: Duration? = nil) async throws(DoormanError) -> HealthStatus {
        let response: CallResponse
        do throws(DoormanError) {
            response = try await self.response(to: .health(service: service), timeout)
        } catch {
            guard error.kind == .unavailable(.notFound) else { throw error }
            return .serviceUnknown
        }
        guard case .health(let status) = response else { throw .wrongResponse }
        return switch status {
        case .serving: .serving
        case .notServing: .notServing
        case .serviceUnknown: .serviceUnknown
        case .unknown: .unknown
        }
    }

    /// Makes any call but a verify, and returns its response.
    func response(to operation: Operation, _ timeout: Duration?) async throws(DoormanError) -> CallResponse {
        try await finished(operation, timeout).takeResponse()
    }

    /// Makes a call, and returns it when it has its response.
    // Inlined, because each return from an async function looks for its executor.
    @inline(__always)
    private func finished(_ operation: Operation, _ timeout: Duration?) async throws(DoormanError) -> ClientCall {
        if let error = operation.nameError { throw error }
        let start = time.now
        let waiter = Waiter()
        let span = tracing.start(operation.method)
        let call = ClientCall(
            operation, metadata: tracing.metadata(span), deadline: deadline(from: start, timeout), waiter: waiter)
        if let span { call.trace(span) }
        await end(of: call, waiter, begunAt: start)
        let error = call.error
        if span != nil { call.endSpan() }
        if metrics.isOn {
            metrics.recordCall(call.method, error, nanoseconds: Int64(clamping: time.now.nanoseconds - start.nanoseconds))
        }
        if let error { throw error }
        return call
    }

    /// Makes a call, and returns when it has ended.
    @inline(__always)
    func end(of call: ClientCall, _ waiter: Waiter, begunAt start: Instant) async {
        await withTaskCancellationHandler {
            await waiter.wait { submit(call, at: start) }
        } onCancel: {
            if waiter.cancel() { submissions.cancel(call) }
        }
    }

    /// Hands the call of a task to the event loop.
    @inline(__always)
    private func submit(_ call: ClientCall, at start: Instant) {
        if eventLoop.inEventLoop {
            dispatcher.value.submit(call, at: start)
        } else {
            submissions.add(call)
        }
    }
}

extension DoormanError {
    /// The response is that of another method. ``ClientCall/read(_:in:)`` rules this out.
    static let wrongResponse = protocolViolation("the response is that of another method")
}

extension Identity {
    /// Returns this identity if it fulfils the requirements of its call.
    ///
    /// - Throws: The error that a server sends which knows the requirement.
    @inline(__always)
    func fulfilling(_ requirements: TokenRequirements) throws(DoormanError) -> Identity {
        guard let denial = requirements.denial(of: self) else { return self }
        throw DoormanError(unmet: denial)
    }
}
