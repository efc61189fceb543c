public import DoormanCore
internal import DoormanSupport
internal import DoormanWire

// Calls that go to every server, because each server has a cache of its own.

extension DoormanClient {
    /// Revokes a token at the provider and at every server that the client knows. Succeeds for a token that is no longer valid.
    ///
    /// The call goes to all servers in parallel: to each target, and to each address of a name. It succeeds if at least one server
    /// confirmed it and no server answered with an error. From then on, every server in ``RevocationResult/confirmed`` rejects the token.
    /// The servers in ``RevocationResult/unreachable`` may accept it until their cached entry ends: repeat the call if that matters.
    ///
    /// - Parameters:
    ///   - token: The token, exactly as the app sent it.
    ///   - applicationID: The application of the token. Default `nil`: the server's only application.
    ///   - provider: The provider that knows the token, by its name at the server. Default `nil`: the server finds it by the token.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    /// - Returns: The servers that confirmed the revocation, those that could not be reached, and the position of the revocation.
    /// - Throws: The error of a server that answered with one, or the first reason if no server answered. ``DoormanError/revocation`` has
    ///   the outcome at each server.
    @discardableResult
    public func revoke(
        _ token: Token, applicationID: String? = nil, provider: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> RevocationResult {
        try await revoke(RevocationRequest(.token(token), provider: provider, applicationID: applicationID), timeout)
    }

    /// Revokes every token of an account at the provider and at every server that the client knows.
    ///
    /// The call goes to all servers, like ``revoke(_:applicationID:provider:timeout:)``.
    ///
    /// - Parameters:
    ///   - accountID: The provider's ID of the account.
    ///   - applicationID: The application of the account. Default `nil`: the server's only application.
    ///   - provider: The provider that knows the account, by its name at the server. Default `nil`: the only one that can do this.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    /// - Returns: The servers that confirmed the revocation, and those that could not be reached.
    /// - Throws: See ``revoke(_:applicationID:provider:timeout:)``.
    @discardableResult
    public func revoke(
        accountID: String, applicationID: String? = nil, provider: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> RevocationResult {
        try await revoke(RevocationRequest(.account(accountID), provider: provider, applicationID: applicationID), timeout)
    }

    /// Deletes an account at the provider permanently, and revokes its tokens at every server that the client knows. For operators.
    ///
    /// With several servers, the client first revokes the account's tokens at all of them, like
    /// ``revoke(accountID:applicationID:provider:timeout:)``, and then has one server delete the account. A provider may answer the second
    /// deletion of an account with an error, so that not every server could delete it. The caller needs the permission for both methods
    /// then.
    ///
    /// The call is safe to repeat. Account Kit sends the same response for an account that does not exist as during an outage:
    /// ``UnavailableReason/providerUnavailable``.
    ///
    /// - Parameters:
    ///   - accountID: The provider's ID of the account.
    ///   - applicationID: The application of the account. Default `nil`: the server's only application.
    ///   - provider: The provider that knows the account, by its name at the server. Default `nil`: the only one that can do this.
    ///   - timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    /// - Returns: The servers that rejected the account's tokens from then on, and those that could not be reached.
    /// - Throws: See ``revoke(_:applicationID:provider:timeout:)``. The account may exist if the call throws.
    @discardableResult
    public func deleteAccount(
        _ accountID: String, applicationID: String? = nil, provider: String? = nil, timeout: Duration? = nil
    ) async throws(DoormanError) -> RevocationResult {
        defer { nearCache?.remove(.account(accountID)) }
        nearCache?.remove(.account(accountID))
        let deletion = Operation.deleteAccount(
            AccountDeletionRequest(accountID: accountID, provider: provider, applicationID: applicationID))
        if let error = deletion.nameError { throw error }
        let broadcast = Broadcast(deadline: deadline(from: time.now, timeout))
        if await hasOneServer(broadcast) { return try await send(deletion, broadcast) }
        let revocation = RevocationRequest(.account(accountID), provider: provider, applicationID: applicationID)
        let result = try await send(.revoke(revocation), broadcast)
        do throws(DoormanError) {
            _ = try await response(to: deletion, time.now.duration(to: broadcast.deadline.instant))
        } catch {
            throw error.with(result)
        }
        return result
    }

    private func revoke(
        _ request: RevocationRequest, _ timeout: Duration?
    ) async throws(DoormanError) -> RevocationResult {
        // After an error too: a server may have revoked it.
        defer { nearCache?.remove(request.subject) }
        nearCache?.remove(request.subject)
        let operation = Operation.revoke(request)
        return try await send(operation, Broadcast(deadline: deadline(from: time.now, timeout)))
    }

    /// The parts that the calls to all servers share.
    private struct Broadcast: Sendable {
        let deadline: Deadline
    }

    /// The outcome at one server, or at a target that could not be resolved.
    private struct Outcome: Sendable {
        let server: ServerAddress
        /// `nil` if the server confirmed the call.
        var error: DoormanError?
        /// Whether the error is the server's answer.
        var wasAnswered = false
        /// The position of the server's own revocation; `nil` without a fleet.
        var position: RevocationPosition?

        var isUnreachable: Bool {
            guard let error, !wasAnswered, case .unavailable(let reason) = error.kind else { return false }
            return [.unreachable, .connectionLost, .draining, .deadlineExceeded, .protocolViolation].contains(reason)
        }

        var failure: RevocationResult.Failure? { error.map { RevocationResult.Failure(server: server, error: $0) } }
    }

    /// Sends a call to every server, and counts it once.
    private func send(_ operation: Operation, _ broadcast: Broadcast) async throws(DoormanError) -> RevocationResult {
        if let error = operation.nameError { throw error }
        guard !targets.isEmpty else { throw .noServers }
        let start = time.now
        let outcomes = await concurrently(targets) { await self.outcomes(of: operation, at: $0, broadcast) }.flatMap { $0 }
        let result = RevocationResult(
            confirmed: outcomes.filter { $0.error == nil }.map(\.server),
            unreachable: outcomes.filter(\.isUnreachable).compactMap(\.failure),
            failed: outcomes.filter { !$0.isUnreachable }.compactMap(\.failure),
            // Each server announces the same revocation, so that any position will do.
            position: outcomes.lazy.compactMap(\.position).first)
        let error = result.failed.first?.error ?? (result.confirmed.isEmpty ? result.unreachable.first?.error : nil)
        if metrics.isOn {
            let nanoseconds = Int64(clamping: time.now.nanoseconds - start.nanoseconds)
            metrics.recordCall(operation.method, error, nanoseconds: nanoseconds)
        }
        if let error { throw error.with(result) }
        return result
    }

    private func outcomes(of operation: Operation, at target: DoormanTarget, _ broadcast: Broadcast) async -> [Outcome] {
        let lookUp = await ended(operation, .servers(of: target), broadcast)
        if let error = lookUp.error { return [Outcome(server: ServerAddress(target: target), error: error)] }
        return await concurrently(lookUp.foundServers) { server in
            let call = await self.ended(operation, .server(server), broadcast)
            let error = call.error
            // The event loop may still work on a call that its task has cancelled.
            let wasAnswered = error != nil && error != .cancelled && call.wasAnswered
            var outcome = Outcome(server: ServerAddress(server), error: error, wasAnswered: wasAnswered)
            if error == nil, case .revoked(let position)? = try? call.takeResponse() { outcome.position = position }
            return outcome
        }
    }

    /// Returns whether the client has a single server, so that the server's own view is complete.
    private func hasOneServer(_ broadcast: Broadcast) async -> Bool {
        guard targets.count == 1 else { return targets.isEmpty }
        let lookUp = await ended(.statistics, .servers(of: targets[0]), broadcast)
        return lookUp.error == nil && lookUp.foundServers.count <= 1
    }

    /// Makes a call, and returns it when it has ended.
    private func ended(_ operation: Operation, _ destination: ClientCall.Destination, _ broadcast: Broadcast) async -> ClientCall {
        let waiter = Waiter()
        // The lookup of a target's servers sends no call.
        var span: CallSpan?
        if case .server = destination { span = tracing.start(operation.method) }
        let call = ClientCall(operation, metadata: tracing.metadata(span), deadline: broadcast.deadline, waiter: waiter)
        call.destination = destination
        if let span { call.trace(span) }
        await end(of: call, waiter, begunAt: time.now)
        if span != nil { call.endSpan() }
        return call
    }
}

extension DoormanError {
    fileprivate func with(_ result: RevocationResult) -> DoormanError {
        var error = self
        error.revocation = result
        return error
    }
}

/// Runs `body` for all values at once.
///
/// - Returns: The results, in the order of the values.
private func concurrently<Value: Sendable, Result: Sendable>(
    _ values: [Value], _ body: @escaping @Sendable (Value) async -> Result
) async -> [Result] {
    await withTaskGroup(of: (index: Int, result: Result).self) { tasks in
        for (index, value) in values.enumerated() { tasks.addTask { (index, await body(value)) } }
        var results: [(index: Int, result: Result)] = []
        for await result in tasks { results.append(result) }
        return results.sorted { $0.index < $1.index }.map(\.result)
    }
}
