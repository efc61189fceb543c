package import CallerLimits
internal import DoormanCore
package import DoormanSupport
internal import DoormanWire
internal import NIOCore

/// Reads the requests of one event loop's connections and answers what can be answered at once: hits, health checks, and
/// requests that are wrong. One an event loop, since its arena serves one message at a time.
package final class RequestDispatcher {
    /// A longer token is not hashed before it is known whether its caller may call at all.
    private static let longestPrepared = 1024
    private let backend: AuthBackend
    private let shares: CallerQuotaRegistry
    private let waiting: InFlightCounter
    /// What the passes of the loop's connections are made by. Another than theirs makes them anew.
    private var policy: CallerPolicy
    private(set) var policyGeneration = 0
    private let arena: MessageArena
    /// What the loop's connections write their answers into, one after the other.
    var outputMemory = ByteBuffer()
    /// Hits by themselves: most reads bring nothing else, and a number in an object is changed for less than a larger value.
    private var hits = 0
    /// What else the loop's calls came to.
    private var tally = CallTally()
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
    ///   - policy: Who may call what, until ``replacePolicy(_:generation:)``.
    ///   - shares: What callers have taken at all loops.
    ///   - waiting: Calls that wait at all loops.
    ///   - maximumFrameLength: The longest data that is read. What unpacking takes follows from it.
    package init(
        backend: AuthBackend, policy: CallerPolicy, shares: CallerQuotaRegistry, waiting: InFlightCounter,
        maximumFrameLength: UInt32
    ) {
        self.backend = backend
        self.policy = policy
        self.shares = shares
        self.waiting = waiting
        arena = MessageArena(budget: 8 * max(64 << 10, Int(maximumFrameLength)))
    }

    /// Takes back the memory of an output that was written, for the next connection's; not that of a large one.
    func keep(_ written: inout ByteBuffer) {
        guard written.capacity <= 64 << 10 else { return }
        written.clear()
        swap(&outputMemory, &written)
    }

    /// What the loop's calls came to since the start.
    var counted: CallTally {
        var all = tally
        all.addHits(hits)
        return all
    }

    /// Counts what a read brought.
    func count(_ answered: AnswerTally) {
        hits += answered.fromMemory
        guard answered.holdsMoreThanHits else { return }
        var rest = answered
        rest.fromMemory = 0
        tally.add(rest)
    }

    /// Counts what a connection refused by itself.
    func count(_ refusals: [Failure: Int]) {
        tally.add(refusals)
    }

    /// Counts a call that had to wait, at its end.
    func countFinished(_ method: Method, failure: Failure?) {
        tally.addFinished(method, failure: failure)
    }

    /// Goes by another policy from the next read on.
    func replacePolicy(_ new: CallerPolicy, generation: Int) {
        policy = new
        policyGeneration = generation
    }

    /// What a caller may do, as the policy has it now.
    package func pass(for caller: Caller) -> CallerContext {
        let grant = policy.grant(for: caller)
        let share = shares.share(of: caller, grant.limits, at: backend.timeSource.now())
        return CallerContext(
            caller: caller, grant: grant, places: InFlightPermits(server: waiting, caller: share), generation: policyGeneration)
    }

    /// Looks at a request frame's data before its turn: what memory knows of the token is then near when
    /// ``decide(_:_:by:isDraining:now:tally:reply:)`` asks for it.
    package func prepare(_ data: Span<UInt8>) -> PrefetchedVerify? {
        guard let call = CanonicalVerifyRequest(data), call.token.count <= Self.longestPrepared else { return nil }
        return PrefetchedVerify(call: call, key: backend.keyOfToken(data.extracting(call.token)))
    }

    /// What to do with a request frame's data.
    ///
    /// - Parameters:
    ///   - prepared: Of this data, if it was prepared.
    ///   - pass: Whose request it is, and what that one may do. Counts the call.
    ///   - tally: Counts what was answered here.
    ///   - reply: Room for a reply from memory.
    package func decide(
        _ data: Span<UInt8>, _ prepared: PrefetchedVerify?, by pass: inout CallerContext, isDraining: Bool, now: Instant,
        tally: inout AnswerTally, reply: inout EncodedResponse
    ) -> ServerConnection.Decision {
        if let call = prepared?.call ?? CanonicalVerifyRequest(data) {
            if let refusal = admit(.verify, by: &pass, isDraining: isDraining, now: now, tally: &tally) { return refusal }
            let (token, applicationID) = (data.extracting(call.token), data.extracting(call.applicationID))
            let key = prepared?.key ?? backend.keyOfToken(token)
            return verify(
                token, key, applicationID, call.maxAgeSeconds, call.timeout, by: &pass, now: now, tally: &tally, reply: &reply)
                ?? wrongPayload(tally: &tally)
        }
        let decision = arena.withRequest(data) { request in
            decide(request, by: &pass, isDraining: isDraining, now: now, tally: &tally, reply: &reply)
        }
        if let decision { return decision }
        tally.wrong += 1
        return .answer(nonsense)
    }

    private func decide(
        _ request: borrowing RequestView, by pass: inout CallerContext, isDraining: Bool, now: Instant, tally: inout AnswerTally,
        reply: inout EncodedResponse
    ) -> ServerConnection.Decision {
        guard let method = request.method else {
            guard request.namesMethod else {
                tally.wrong += 1
                return .answer(noMethod)
            }
            tally.unimplemented += 1
            return .answer(unknownMethod)
        }
        if method == .healthCheck { return .answer(checkHealth(request, isDraining: isDraining, tally: &tally)) }
        // Before anything of the payload is read.
        if let refusal = admit(method, by: &pass, isDraining: isDraining, now: now, tally: &tally) { return refusal }
        switch method {
        case .verify:
            let timeout = request.timeout
            let decision = request.withVerifyRequest { token, applicationID, maxAgeSeconds in
                verify(
                    token, backend.keyOfToken(token), applicationID, maxAgeSeconds, timeout, by: &pass, now: now, tally: &tally,
                    reply: &reply)
            }
            return (decision ?? nil) ?? wrongPayload(tally: &tally)
        case .exchange: return start(request.exchangeRequest().map(Call.exchange), request, by: &pass, now: now, tally: &tally)
        case .revoke: return start(request.revocationRequest().map(Call.revoke), request, by: &pass, now: now, tally: &tally)
        case .listAccounts:
            return start(request.accountListRequest().map(Call.listAccounts), request, by: &pass, now: now, tally: &tally)
        case .deleteAccount:
            return start(request.accountDeletionRequest().map(Call.deleteAccount), request, by: &pass, now: now, tally: &tally)
        case .statistics:
            guard request.isStatisticsRequest() else { return wrongPayload(tally: &tally) }
            return .start(.statistics, timeout: request.timeout)
        case .healthCheck: preconditionFailure("a health check was answered above")
        }
    }

    /// Whether the caller may make another call of this method.
    ///
    /// - Returns: Nil if so, else the answer.
    @inline(__always)
    private func admit(
        _ method: Method, by pass: inout CallerContext, isDraining: Bool, now: Instant, tally: inout AnswerTally
    ) -> ServerConnection.Decision? {
        guard pass.methods.allows(method) else {
            tally.callerNotAllowed += 1
            return .answer(refuse(method, to: pass.caller))
        }
        guard !isDraining else {
            tally.draining += 1
            return .answer(draining)
        }
        return pass.takeCall() ? nil : tooFast(pass, now: now, tally: &tally)
    }

    private func wrongPayload(tally: inout AnswerTally) -> ServerConnection.Decision {
        tally.wrong += 1
        return .answer(badPayload)
    }

    /// - Returns: Nil if the request is wrong.
    @inline(__always)
    private func verify(
        _ token: Span<UInt8>, _ key: TokenKey, _ applicationID: Span<UInt8>, _ maxAgeSeconds: UInt32, _ timeout: Duration?,
        by pass: inout CallerContext, now: Instant, tally: inout AnswerTally, reply: inout EncodedResponse
    ) -> ServerConnection.Decision? {
        if backend.replyFromMemory(token, key, applicationID, maxAgeSeconds, now, &reply) {
            tally.fromMemory += 1
            return .reply
        }
        return miss(token, applicationID, maxAgeSeconds, timeout, by: &pass, now: now, tally: &tally, reply: &reply)
    }

    /// - Returns: Nil if the request is wrong.
    private func miss(
        _ bytes: Span<UInt8>, _ applicationID: Span<UInt8>, _ maxAgeSeconds: UInt32, _ timeout: Duration?,
        by pass: inout CallerContext, now: Instant, tally: inout AnswerTally, reply: inout EncodedResponse
    ) -> ServerConnection.Decision? {
        guard let application = String(validating: applicationID) else { return nil }
        let token = Token(bytes: Array(bytes))
        // What can't be a token costs nobody anything.
        if let refusal = backend.provider.validateSyntax(of: token) {
            tally.refusedByForm += 1
            return .answer(ResponseEncoder.encode(Verdict.rejected(refusal)))
        }
        if backend.staleReplyFromMemory(bytes, applicationID, maxAgeSeconds, now, true, &reply) {
            tally.fromMemory += 1
            return .reply
        }
        if let refusal = claim(by: &pass, costsMiss: !backend.isBeingAsked(bytes), now: now) {
            guard backend.staleReplyFromMemory(bytes, applicationID, maxAgeSeconds, now, false, &reply) else {
                return refuse(refusal, by: pass, tally: &tally)
            }
            tally.fromMemory += 1
            return .reply
        }
        let request = VerificationRequest(
            token: token, applicationID: application.isEmpty ? nil : application,
            maxAge: maxAgeSeconds == 0 ? nil : .seconds(Int64(maxAgeSeconds)))
        return .start(.verify(request), timeout: timeout)
    }

    private func start(
        _ call: Call?, _ request: borrowing RequestView, by pass: inout CallerContext, now: Instant, tally: inout AnswerTally
    ) -> ServerConnection.Decision {
        guard let call else { return wrongPayload(tally: &tally) }
        if let refusal = claim(by: &pass, costsMiss: true, now: now) { return refuse(refusal, by: pass, tally: &tally) }
        return .start(call, timeout: request.timeout)
    }

    /// Takes for a call that memory can't answer a place among those that wait, and a miss of the caller's share.
    ///
    /// - Returns: Nil if both were there, else which was not. Then neither is taken.
    private func claim(by pass: inout CallerContext, costsMiss: Bool, now: Instant) -> LimitExceeded? {
        if let failure = pass.takePlace() { return LimitExceeded(failure, retryAfter: .milliseconds(100)) }
        guard costsMiss, let wait = backend.takeMiss(pass.caller, pass.misses, now) else { return nil }
        pass.giveBackPlace()
        return LimitExceeded(.tooManyMisses, retryAfter: wait)
    }

    private func tooFast(_ pass: CallerContext, now: Instant, tally: inout AnswerTally) -> ServerConnection.Decision {
        let refusal = LimitExceeded(.tooManyCallsPerSecond, retryAfter: pass.waitForNextCall(now: now))
        return refuse(refusal, by: pass, tally: &tally)
    }

    private func refuse(_ refusal: LimitExceeded, by pass: CallerContext, tally: inout AnswerTally) -> ServerConnection.Decision {
        tally.overLimit[refusal.failure, default: 0] += 1
        return .answer(ResponseEncoder.encode(refusal.answer(to: pass, setting: policy.setting)))
    }

    /// Tells the caller the name that it has here, which is what the setting would have to hold.
    private func refuse(_ method: Method, to caller: Caller) -> [UInt8] {
        let message = "\(policy.setting) does not allow \(method.service)/\(method.name) to this caller, which is \(caller) here"
        return ResponseEncoder.encode(FailureAnswer(.callerNotAllowed, message))
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
