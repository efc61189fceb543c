package import DoormanCore
internal import DoormanWire
internal import NIOCore

/// Reads the requests of one event loop's connections and answers what can be answered at once: hits, health checks, and
/// requests that are wrong. One an event loop, since its arena serves one message at a time.
package final class RequestReader {
    private let backend: AuthBackend
    private let accountsCallers: Set<Caller>
    private let arena: MessageArena
    /// What the loop's connections write their answers into, one after the other.
    var outputMemory = ByteBuffer()
    private let draining = ResponseEncoder.encode(
        FailureAnswer(.draining, "this server is shutting down and did not start the call: ask another"))
    private let nonsense = ResponseEncoder.encode(FailureAnswer(.malformedRequest, "the data is not a ttrpc.Request"))
    private let badPayload = ResponseEncoder.encode(
        FailureAnswer(.malformedRequest, "the payload is not the request message of this method, or lacks a required field"))
    private let noMethod = ResponseEncoder.encode(FailureAnswer(.malformedRequest, "service and method are required"))
    private let unknownMethod = ResponseEncoder.encode(FailureAnswer(.unimplemented, "there is no such service or method"))
    private let serving = ResponseEncoder.encode(ServingStatus.serving)
    private let notServing = ResponseEncoder.encode(ServingStatus.notServing)
    private let unknownService = ResponseEncoder.encode(
        FailureAnswer(.serviceUnknown, "this server has no service of that name"))

    /// - Parameters:
    ///   - accountsCallers: Who may list and delete accounts.
    ///   - maximumFrameLength: The longest data that is read. What unpacking takes follows from it.
    package init(backend: AuthBackend, accountsCallers: Set<Caller>, maximumFrameLength: UInt32) {
        self.backend = backend
        self.accountsCallers = accountsCallers
        arena = MessageArena(budget: 8 * max(64 << 10, Int(maximumFrameLength)))
    }

    /// Takes back the memory of an output that was written, for the next connection's; not that of a large one.
    func keep(_ written: inout ByteBuffer) {
        guard written.capacity <= 64 << 10 else { return }
        written.clear()
        swap(&outputMemory, &written)
    }

    /// What to do with a request frame's data.
    ///
    /// - Parameters:
    ///   - caller: Whose request it is.
    ///   - tally: Counts what was answered here.
    package func decide(
        _ data: Span<UInt8>, from caller: Caller, isDraining: Bool, now: Instant, tally: inout AnswerTally
    ) -> ServerConnection.Decision {
        var decision: ServerConnection.Decision?
        arena.readRequest(data) { request in
            decision = decide(request, from: caller, isDraining: isDraining, now: now, tally: &tally)
        }
        guard let decision else {
            tally.wrong += 1
            return .answer(nonsense)
        }
        return decision
    }

    private func decide(
        _ request: borrowing RequestView, from caller: Caller, isDraining: Bool, now: Instant, tally: inout AnswerTally
    ) -> ServerConnection.Decision {
        guard let method = request.method else {
            guard request.namesMethod else {
                tally.wrong += 1
                return .answer(noMethod)
            }
            tally.unimplemented += 1
            return .answer(unknownMethod)
        }
        switch method {
        case .verify where !isDraining: return verify(request, from: caller, now: now, tally: &tally)
        case .exchange where !isDraining:
            return start(request.exchangeRequest().map(Call.exchange), request, from: caller, now: now, tally: &tally)
        case .revoke where !isDraining:
            return start(request.revocationRequest().map(Call.revoke), request, from: caller, now: now, tally: &tally)
        // Before anything of the payload is read.
        case .listAccounts where !accountsCallers.contains(caller), .deleteAccount where !accountsCallers.contains(caller):
            tally.callerNotAllowed += 1
            return .answer(refuse(caller))
        case .listAccounts where !isDraining:
            return start(request.accountListRequest().map(Call.listAccounts), request, from: caller, now: now, tally: &tally)
        case .deleteAccount where !isDraining:
            return start(request.accountDeletionRequest().map(Call.deleteAccount), request, from: caller, now: now, tally: &tally)
        case .healthCheck: return .answer(checkHealth(request, isDraining: isDraining, tally: &tally))
        case .verify, .exchange, .revoke, .listAccounts, .deleteAccount:
            tally.draining += 1
            return .answer(draining)
        }
    }

    private func verify(
        _ request: borrowing RequestView, from caller: Caller, now: Instant, tally: inout AnswerTally
    ) -> ServerConnection.Decision {
        let timeout = request.timeout
        var decision: ServerConnection.Decision?
        request.readVerifyRequest { token, applicationID, maxAgeSeconds in
            if let reply = backend.replyFromMemory(token, applicationID, maxAgeSeconds, now) {
                tally.fromMemory += 1
                decision = .answer(reply)
            } else {
                decision = miss(token, applicationID, maxAgeSeconds, timeout, from: caller, now: now, tally: &tally)
            }
        }
        guard let decision else {
            tally.wrong += 1
            return .answer(badPayload)
        }
        return decision
    }

    /// - Returns: Nil if the request is wrong.
    private func miss(
        _ bytes: Span<UInt8>, _ applicationID: Span<UInt8>, _ maxAgeSeconds: UInt32, _ timeout: Duration?, from caller: Caller,
        now: Instant, tally: inout AnswerTally
    ) -> ServerConnection.Decision? {
        guard let application = String(validating: applicationID) else { return nil }
        let token = Token(bytes: Array(bytes))
        // What can't be a token costs nobody anything.
        if let refusal = backend.provider.refusalByForm(of: token) {
            tally.refusedByForm += 1
            return .answer(ResponseEncoder.encode(Verdict.rejected(refusal)))
        }
        if let reply = backend.staleReplyFromMemory(bytes, applicationID, maxAgeSeconds, now, true) {
            tally.fromMemory += 1
            return .answer(reply)
        }
        if !backend.isBeingAsked(bytes), let wait = backend.takeMiss(caller, now) {
            guard let reply = backend.staleReplyFromMemory(bytes, applicationID, maxAgeSeconds, now, false) else {
                return refuseMiss(of: caller, for: wait, tally: &tally)
            }
            tally.fromMemory += 1
            return .answer(reply)
        }
        let request = VerificationRequest(
            token: token, applicationID: application.isEmpty ? nil : application,
            maxAge: maxAgeSeconds == 0 ? nil : .seconds(Int64(maxAgeSeconds)))
        return .start(.verify(request), timeout: timeout)
    }

    private func start(
        _ call: Call?, _ request: borrowing RequestView, from caller: Caller, now: Instant, tally: inout AnswerTally
    ) -> ServerConnection.Decision {
        guard let call else {
            tally.wrong += 1
            return .answer(badPayload)
        }
        if let wait = backend.takeMiss(caller, now) { return refuseMiss(of: caller, for: wait, tally: &tally) }
        return .start(call, timeout: request.timeout)
    }

    /// The refusal of a call that would take more of the provider than the caller's share, before anything is started for it.
    private func refuseMiss(of caller: Caller, for wait: Duration, tally: inout AnswerTally) -> ServerConnection.Decision {
        tally.tooManyMisses += 1
        let message = "\(caller), as you are named here, has used up its calls that memory can't answer (caller.misses-per-second)"
        return .answer(ResponseEncoder.encode(FailureAnswer(.tooManyMisses, message, retryAfter: wait)))
    }

    /// Tells the caller the name that it has here, which is what the setting would have to hold.
    private func refuse(_ caller: Caller) -> [UInt8] {
        ResponseEncoder.encode(
            FailureAnswer(.callerNotAllowed, "server.accounts-callers does not name this caller, which is \(caller) here"))
    }

    private func checkHealth(_ request: borrowing RequestView, isDraining: Bool, tally: inout AnswerTally) -> [UInt8] {
        guard let service = request.healthCheckService() else {
            tally.wrong += 1
            return badPayload
        }
        guard service.isEmpty || Method.allCases.contains(where: { $0.service.description == service }) else {
            tally.serviceUnknown += 1
            return unknownService
        }
        tally.healthChecks += 1
        return isDraining ? notServing : serving
    }
}

/// Answers given without waiting, counted a read at a time so that the metrics are touched once a read.
package struct AnswerTally {
    package var fromMemory = 0
    package var healthChecks = 0
    package var draining = 0
    package var wrong = 0
    package var unimplemented = 0
    package var callerNotAllowed = 0
    package var serviceUnknown = 0
    package var tooManyMisses = 0
    package var refusedByForm = 0

    package init() {}
}

extension Array where Element == UInt8 {
    fileprivate init(_ span: Span<UInt8>) {
        self.init()
        reserveCapacity(span.count)
        for index in span.indices { append(span[index]) }
    }
}

extension String {
    /// Nil if the bytes are not UTF-8.
    fileprivate init?(validating span: Span<UInt8>) {
        self.init(validating: [UInt8](span), as: UTF8.self)
    }
}
