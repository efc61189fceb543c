package import CallerLimits
package import DoormanCore
package import DoormanSupport
package import DoormanTracing
package import DoormanWire
internal import NIOCore

/// Decides how to handle the requests of one event loop's connections. It answers cache hits, health checks and malformed
/// requests at once, and returns everything else as a call to start.
///
/// There is one dispatcher per event loop, because its arena serves one message at a time.
package final class RequestDispatcher {
    /// The longest token that is prefetched, in bytes. A longer token is hashed only after the permission check.
    private static let longestPrefetchedToken = 1024

    private let backend: any VerificationBackend
    private let quotas: CallerQuotaRegistry
    private let inFlight: InFlightCounter
    private let ipv6PrefixLength: Int
    private let defaults: DefaultCallerLimits
    private let arena: MessageArena
    private var gate: RevocationGateCopy
    private let responses = FixedResponses()
    /// The current policy. Connections look up their callers again when it changes.
    private var policy: CallerPolicy
    private(set) var policyGeneration = 0
    /// `nil` unless the program has a tracer.
    package let tracer: CallTracer?
    /// Whether there is a tracer.
    let isTraced: Bool
    /// Counters of how the loop's calls and connections ended.
    package let counters = ServerCounters()
    /// The buffer that the loop's connections write their responses into, one connection at a time.
    var outputBuffer = ByteBuffer()

    /// - Parameters:
    ///   - policy: The caller policy until ``replacePolicy(_:generation:)``.
    ///   - quotas: The quotas of all callers, shared by all event loops.
    ///   - inFlight: The server's in-flight calls, shared by all event loops.
    ///   - settings: The limits of callers and of frames.
    ///   - tracer: Records the calls' spans. Default none.
    package init(
        backend: any VerificationBackend, policy: CallerPolicy, quotas: CallerQuotaRegistry, inFlight: InFlightCounter,
        settings: ServerSettings, tracer: CallTracer? = nil
    ) {
        self.backend = backend
        gate = RevocationGateCopy(of: backend.gate)
        self.policy = policy
        self.tracer = tracer
        isTraced = tracer != nil
        self.quotas = quotas
        self.inFlight = inFlight
        ipv6PrefixLength = settings.ipv6PrefixLength
        defaults = DefaultCallerLimits(settings)
        counters.rules.begin(policy)
        arena = MessageArena(budget: 8 * max(64 << 10, Int(settings.connection.maximumFrameLength)))
    }

    /// Recycles the buffer of a written output for the next connection. Drops a buffer above 64 KiB.
    func recycle(_ written: inout ByteBuffer) {
        guard written.capacity <= 64 << 10 else { return }
        written.clear()
        swap(&outputBuffer, &written)
    }

    // MARK: - Callers

    /// Replaces the policy. It applies from the next turn on.
    func replacePolicy(_ new: CallerPolicy, generation: Int) {
        policy = new
        policyGeneration = generation
        counters.rules.begin(new)
    }

    /// Returns the caller's permissions and quota under the current policy.
    package func context(for caller: Caller) -> CallerContext {
        let rule = policy.rule(for: caller)
        let permissions = policy.permissions(ofRule: rule)
        let counted = caller.counted(ipv6PrefixLength: ipv6PrefixLength)
        let limits = defaults.completing(permissions.limits)
        let quota = quotas.quota(of: counted, limits, at: backend.timeSource.now())
        return CallerContext(
            CallerProfile(
                caller: caller, counted: counted, permissions: permissions, defaults: defaults,
                permits: InFlightPermits(server: inFlight, caller: quota),
                rule: CallerProfile.Rule(number: rule, generation: policyGeneration)))
    }

    // MARK: - Requests

    /// Prefetches the cache entry for a request frame before its turn.
    package func prefetch(_ data: Span<UInt8>) -> PrefetchedVerify? {
        guard let request = CanonicalVerifyRequest(data), request.token.count <= Self.longestPrefetchedToken else { return nil }
        return PrefetchedVerify(request: request, key: backend.key(of: data.extracting(request.token)))
    }

    /// Decides how to handle a request frame's data.
    ///
    /// - Parameters:
    ///   - prefetched: The result of ``prefetch(_:)`` for this data, if there is one.
    ///   - context: Receives the response of a cache hit.
    package func decide(
        _ data: Span<UInt8>, prefetched: PrefetchedVerify?, in context: inout RequestContext
    ) -> RequestDecision {
        // The buffer must never hold the response to an earlier request.
        context.response.clear()
        if let request = prefetched?.request ?? CanonicalVerifyRequest(data) {
            if let failure = admit(.verify, &context) { return failure }
            let fields = request.fields(in: data)
            return verify(fields, key: prefetched?.key ?? backend.key(of: fields.token), &context)
        }
        return arena.withRequest(data) { decide($0, &context) } ?? fail(.malformedRequest, of: nil, responses.malformedRequest)
    }

    /// Reads the trace fields of a request frame's data.
    func traceFields(of data: Span<UInt8>) -> TraceFields { arena.traceFields(of: data) }

    /// Decides how to handle a request whose protocol names the method outside the payload.
    ///
    /// - Parameters:
    ///   - payload: The method's message.
    ///   - timeout: The caller's timeout; `nil` for the server's default.
    ///   - context: Receives the response of a cache hit.
    package func decide(
        _ method: Method, payload: Span<UInt8>, timeout: Duration?, in context: inout RequestContext
    ) -> RequestDecision {
        context.response.clear()
        if method == .verify, let request = CanonicalVerifyPayload(payload.indices, in: payload) {
            if let failure = admit(.verify, &context) { return failure }
            let fields = request.fields(in: payload, timeoutNanoseconds: UInt64(clamping: timeout?.nanoseconds ?? 0))
            return verify(fields, key: backend.key(of: fields.token), &context)
        }
        return arena.withRequest(method, payload: payload, timeout: timeout) { decide($0, &context) }
    }

    /// Decides how to handle a `Verify` whose fields an endpoint has read.
    ///
    /// - Parameters:
    ///   - notBefore: The revocation that the verdict must not be older than. Default none.
    ///   - timeout: The caller's timeout; `nil` for the server's default.
    ///   - context: Receives the response of a cache hit.
    package func verify(
        _ token: Span<UInt8>, requirements: TokenRequirements, maxAgeSeconds: UInt32 = 0, notBefore: RevocationPosition? = nil,
        timeout: Duration? = nil, in context: inout RequestContext
    ) -> RequestDecision {
        context.response.clear()
        if let failure = admit(.verify, &context) { return failure }
        let key = backend.key(of: token)
        guard requirements != .none || notBefore != nil else {
            let fields = VerifyRequestView(
                token: token, applicationID: Span(), maxAgeSeconds: maxAgeSeconds,
                timeoutNanoseconds: UInt64(clamping: timeout?.nanoseconds ?? 0))
            return verify(fields, key: key, &context)
        }
        let call = VerifyCall(
            validated: Token(bytes: token.array), key: key, requirements: requirements,
            maxAge: maxAgeSeconds == 0 ? nil : .seconds(Int64(maxAgeSeconds)), notBefore: notBefore, caller: context.caller.counted)
        return verify(call, timeout: timeout, &context)
    }

    /// Decides how to handle an `Exchange` that an endpoint has read.
    ///
    /// - Parameter request: Names the counted caller of the context.
    package func exchange(
        _ request: ExchangeRequest, timeout: Duration? = nil, in context: inout RequestContext
    ) -> RequestDecision {
        if let failure = admit(.exchange, &context) { return failure }
        return start(.exchange(request), timeout: timeout, &context)
    }

    /// Decides how to handle a `Revoke` that an endpoint has read.
    ///
    /// - Parameter request: Names the counted caller of the context.
    package func revoke(
        _ request: RevocationRequest, timeout: Duration? = nil, in context: inout RequestContext
    ) -> RequestDecision {
        if let failure = admit(.revoke, &context) { return failure }
        return start(request, timeout: timeout, &context)
    }

    /// Fails a request that an endpoint can't read, and counts the failure.
    ///
    /// - Parameter method: `nil` for a request without a method.
    package func fail(_ failure: FailureResponse, of method: Method?) -> RequestDecision {
        fail(failure.failure, of: method, ResponseEncoder.encode(failure))
    }

    private func decide(_ request: borrowing RequestView, _ context: inout RequestContext) -> RequestDecision {
        guard let method = request.method else {
            return request.namesMethod
                ? fail(.unimplemented, of: nil, responses.unknownMethod) : fail(.malformedRequest, of: nil, responses.noMethod)
        }
        if method == .healthCheck { return checkHealth(request, context) }
        // Callers without permission must not reach the payload decoder.
        if let failure = admit(method, &context) { return failure }
        let caller = context.caller.counted
        switch method {
        case .verify:
            return request.withVerifyRequest { verify($0, key: backend.key(of: $0.token), &context) } ?? malformedPayload(.verify)
        case .exchange:
            guard let exchange = request.exchangeRequest(caller: caller) else { return malformedPayload(.exchange) }
            return start(.exchange(exchange), timeout: request.timeout, &context)
        case .revoke:
            guard let revocation = request.revocationRequest(caller: caller) else { return malformedPayload(.revoke) }
            return start(revocation, timeout: request.timeout, &context)
        case .listAccounts:
            guard let list = request.accountListRequest(caller: caller) else { return malformedPayload(.listAccounts) }
            return start(.listAccounts(list), timeout: request.timeout, &context)
        case .deleteAccount:
            guard let deletion = request.accountDeletionRequest(caller: caller) else { return malformedPayload(.deleteAccount) }
            return startAccountRevocation(.deleteAccount(deletion), timeout: request.timeout, &context)
        case .statistics:
            guard request.isStatisticsRequest() else { return malformedPayload(.statistics) }
            return .asynchronous(.statistics, timeout: request.timeout)
        case .healthCheck: preconditionFailure("a health check was answered above")
        }
    }

    /// Checks the caller's permission, for endpoints that read a message only after it.
    ///
    /// - Returns: `nil` if the method is allowed, otherwise the failure response.
    @inline(__always)
    package func checkPermission(for method: Method, in context: inout RequestContext) -> RequestDecision? {
        guard context.caller.methods.allows(method) else {
            if context.caller.methods.isEmpty { context.forbiddenCalls += 1 }
            return notAllowed(method, to: "call \(method.service)/\(method.name)", context.caller)
        }
        return nil
    }

    /// Checks permission, draining and the caller's rate limit, and counts the call.
    ///
    /// - Returns: `nil` if the call is allowed, otherwise the failure response.
    @inline(__always)
    private func admit(_ method: Method, _ context: inout RequestContext) -> RequestDecision? {
        if let failure = checkPermission(for: method, in: &context) { return failure }
        guard !context.refusesCalls else { return fail(.draining, of: method, responses.draining) }
        return context.caller.takeCall() ? nil : rateLimited(method, context)
    }

    // MARK: - Verify

    @inline(__always)
    private func verify(_ request: VerifyRequestView, key: TokenKey, _ context: inout RequestContext) -> RequestDecision {
        guard !request.hasFurtherRequirements, gate.isOpen(at: context.now) else {
            return verifyWithRequirements(request, key: key, &context)
        }
        let hit = backend.lookup(
            key, applicationID: request.applicationID, maxAgeSeconds: request.maxAgeSeconds, now: context.now,
            into: &context.response)
        guard let hit else { return miss(request, key: key, &context) }
        counters.countHit(denial: hit.denial)
        if hit.isDueForRefresh { refresh(request, key: key) }
        return .cached
    }

    private func refresh(_ request: VerifyRequestView, key: TokenKey) {
        guard let call = call(request, key: key, caller: nil) else { return }
        backend.refresh(call)
    }

    /// Decides a call that the fast path can't judge: it has further requirements, or the gate is closed.
    @inline(never)
    private func verifyWithRequirements(
        _ request: VerifyRequestView, key: TokenKey, _ context: inout RequestContext
    ) -> RequestDecision {
        guard request.notBefore.count <= RevocationPosition.maximumBytes else {
            return fail(.malformedRequest, of: .verify, responses.positionTooLong)
        }
        guard let call = call(request, key: key, caller: context.caller.counted) else { return malformedPayload(.verify) }
        return verify(call, timeout: request.timeout, &context)
    }

    private func verify(_ call: VerifyCall, timeout: Duration?, _ context: inout RequestContext) -> RequestDecision {
        if let provider = call.requirements.provider, !backend.knows(provider: provider) {
            return fail(.malformedRequest, of: .verify, responses.unknownProvider)
        }
        guard let hit = backend.lookup(call, now: context.now, into: &context.response) else {
            return miss(call, timeout: timeout, &context)
        }
        counters.countHit(denial: hit.denial)
        if hit.isDueForRefresh { backend.refresh(call) }
        return .cached
    }

    /// - Returns: `nil` if a text of the request is not UTF-8.
    private func call(_ request: VerifyRequestView, key: TokenKey, caller: Caller?) -> VerifyCall? {
        guard let requirements = request.requirements else { return nil }
        return VerifyCall(
            validated: Token(bytes: request.token.array), key: key, requirements: requirements,
            maxAge: request.maxAgeSeconds == 0 ? nil : .seconds(Int64(request.maxAgeSeconds)),
            notBefore: RevocationPosition(validating: request.notBefore.array), caller: caller)
    }

    private func miss(_ request: VerifyRequestView, key: TokenKey, _ context: inout RequestContext) -> RequestDecision {
        guard let call = call(request, key: key, caller: context.caller.counted) else { return malformedPayload(.verify) }
        return miss(call, timeout: request.timeout, &context)
    }

    private func miss(_ call: VerifyCall, timeout: Duration?, _ context: inout RequestContext) -> RequestDecision {
        // A malformed token takes no permit and is not charged as a cache miss.
        if let rejection = backend.validateSyntax(of: call.token, naming: call.requirements.provider) {
            return fail(Failure(rejection.reason), of: .verify, ResponseEncoder.encode(Verdict.rejected(rejection)))
        }
        if serveStale(call, on: .cacheMiss, &context) { return .cached }
        if let limit = charge(backend.isLookupInFlight(for: call) ? .permit : .permitAndMiss, &context) {
            return serveStale(call, on: .missLimitExceeded, &context) ? .cached : limitExceeded(limit, of: .verify, context.caller)
        }
        return .asynchronous(.verify(call), timeout: timeout)
    }

    private func serveStale(_ call: VerifyCall, on occasion: StaleOccasion, _ context: inout RequestContext) -> Bool {
        let hit = backend.serveStale(call, on: occasion, now: context.now, into: &context.response)
        if let hit { counters.countHit(denial: hit.denial) }
        return hit != nil
    }

    // MARK: - Asynchronous calls

    private func start(
        _ call: AsynchronousCall, timeout: Duration?, _ context: inout RequestContext
    ) -> RequestDecision {
        if let limit = charge(.permitAndMiss, &context) { return limitExceeded(limit, of: call.method, context.caller) }
        return .asynchronous(call, timeout: timeout)
    }

    /// Starts a revocation if the caller has the permission for its kind.
    private func start(
        _ revocation: RevocationRequest, timeout: Duration?, _ context: inout RequestContext
    ) -> RequestDecision {
        switch revocation.subject {
        case .token:
            guard context.caller.methods.contains(.revoke) else {
                return notAllowed(.revoke, to: "revoke tokens", context.caller)
            }
            return start(.revoke(revocation), timeout: timeout, &context)
        case .account:
            guard context.caller.methods.contains(.revokeAccounts) else {
                return notAllowed(.revoke, to: "revoke accounts", context.caller)
            }
            return startAccountRevocation(.revoke(revocation), timeout: timeout, &context)
        }
    }

    /// Starts a revocation or deletion of an account, which has a rate limit of its own. That limit comes last, so that another limit
    /// costs no permit of it.
    private func startAccountRevocation(
        _ call: AsynchronousCall, timeout: Duration?, _ context: inout RequestContext
    ) -> RequestDecision {
        if let limit = charge(.permitAndMiss, &context) { return limitExceeded(limit, of: call.method, context.caller) }
        if let failure = chargeAccountRevocation(call.method, context) {
            context.caller.releasePermit()
            return failure
        }
        return .asynchronous(call, timeout: timeout)
    }

    private func chargeAccountRevocation(_ method: Method, _ context: RequestContext) -> RequestDecision? {
        let wait = backend.chargeAccountRevocation(
            to: context.caller.counted, limit: context.caller.limits.accountRevocations, now: context.now)
        guard let wait else { return nil }
        let own = context.caller.limits.accountRevocations == nil
        let limit = own ? "authorization.account-revocations-per-second" : "account-revocations-per-second in \(policy.setting)"
        counters.note(CallerEvent(caller: context.caller.counted.name, kind: .limitExceeded(limit)))
        counters.rules.countTurnedDown(.rate, of: context.caller.rule)
        let message = "caller \(context.caller.caller) exceeded its rate limit for revocations of accounts (\(limit))"
        return fail(
            .tooManyCallsPerSecond, of: method,
            ResponseEncoder.encode(FailureResponse(.tooManyCallsPerSecond, message, retryAfter: wait)))
    }

    /// The limits that a cache miss is charged to.
    private enum Charge {
        case permit
        case permitAndMiss
    }

    /// Takes an in-flight permit for a call, and charges the cache miss if `charge` says so.
    ///
    /// - Returns: `nil` if allowed, otherwise the exceeded limit. On failure it takes neither.
    private func charge(_ charge: Charge, _ context: inout RequestContext) -> LimitExceeded? {
        if let exceeded = context.caller.takePermit(at: context.now) { return exceeded }
        guard charge == .permitAndMiss,
            let exceeded = backend.chargeCacheMiss(
                to: context.caller.counted, limit: context.caller.limits.misses, now: context.now)
        else { return nil }
        context.caller.releasePermit()
        return LimitExceeded(cacheMisses: exceeded)
    }

    // MARK: - Failures

    /// - Parameter method: `nil` for a request without a method.
    private func fail(_ failure: Failure, of method: Method?, _ data: [UInt8]) -> RequestDecision {
        counters.countFailure(failure, of: method)
        return .immediate(data)
    }

    private func malformedPayload(_ method: Method) -> RequestDecision {
        fail(.malformedRequest, of: method, responses.malformedPayload)
    }

    private func rateLimited(_ method: Method, _ context: RequestContext) -> RequestDecision {
        let wait = context.caller.waitForNextCall(now: context.now)
        return limitExceeded(LimitExceeded(.tooManyCallsPerSecond, retryAfter: wait), of: method, context.caller)
    }

    private func limitExceeded(_ limit: LimitExceeded, of method: Method, _ caller: CallerContext) -> RequestDecision {
        counters.note(limit.event(of: caller, policy: policy.setting))
        if let cause = limit.cause { counters.rules.countTurnedDown(cause, of: caller.rule) }
        return fail(limit.failure, of: method, ResponseEncoder.encode(limit.response(to: caller, setting: policy.setting)))
    }

    /// Returns the failure response for a missing permission. It names the caller as the setting would have to.
    private func notAllowed(_ method: Method, to action: String, _ context: CallerContext) -> RequestDecision {
        let caller = context.caller
        counters.note(CallerEvent(caller: caller.name, kind: .notAllowed(action)))
        counters.rules.countTurnedDown(.permission, of: context.rule)
        let message = "caller \(caller) is not allowed to \(action): see \(policy.setting)"
        return fail(.callerNotAllowed, of: method, ResponseEncoder.encode(FailureResponse(.callerNotAllowed, message)))
    }

    private func checkHealth(_ request: borrowing RequestView, _ context: RequestContext) -> RequestDecision {
        guard let service = request.healthCheckService() else { return malformedPayload(.healthCheck) }
        guard service.isEmpty || Method.allCases.contains(where: { $0.service.description == service }) else {
            return fail(.serviceUnknown, of: .healthCheck, responses.unknownService)
        }
        counters.countHealthCheck()
        return .immediate(context.isDraining || !backend.isReady ? responses.notServing : responses.serving)
    }
}

/// Constant responses, encoded once.
private struct FixedResponses {
    let draining = ResponseEncoder.encode(
        FailureResponse(.draining, "the server is shutting down and did not start the call: retry on another server"))
    let malformedRequest = ResponseEncoder.encode(
        FailureResponse(.malformedRequest, "the frame's data is not a valid ttrpc.Request"))
    let malformedPayload = ResponseEncoder.encode(
        FailureResponse(.malformedRequest, "the payload is not a valid request message of this method, or lacks a required field"))
    let unknownProvider = ResponseEncoder.encode(
        FailureResponse(.malformedRequest, "the provider that the request names is not configured on this server"))
    let positionTooLong = ResponseEncoder.encode(
        FailureResponse(.malformedRequest, "not_before is longer than the \(RevocationPosition.maximumBytes) bytes of a position"))
    let noMethod = ResponseEncoder.encode(FailureResponse(.malformedRequest, "service and method are required"))
    let unknownMethod = ResponseEncoder.encode(FailureResponse(.unimplemented, "the server has no such service or method"))
    let unknownService = ResponseEncoder.encode(
        FailureResponse(.serviceUnknown, "the server has no service of that name"))
    let serving = ResponseEncoder.encode(ServingStatus.serving)
    let notServing = ResponseEncoder.encode(ServingStatus.notServing)
}
