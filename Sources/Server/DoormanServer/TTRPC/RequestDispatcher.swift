package import CallerLimits
internal import DoormanCore
package import DoormanSupport
internal import DoormanWire
internal import NIOCore

/// Decides what to do with the requests of one event loop's connections. It answers hits, health checks and wrong requests at once, and
/// hands everything else back as a call to start. One for each event loop, since its arena serves one message at a time.
package final class RequestDispatcher {
    /// A longer token is not hashed before it is known whether its caller may call at all.
    private static let longestPrefetchedToken = 1024

    private let backend: any VerificationBackend
    private let quotas: CallerQuotaRegistry
    private let inFlight: InFlightCounter
    private let arena: MessageArena
    private let responses = FixedResponses()
    /// Connections look their callers up again when it changes.
    private var policy: CallerPolicy
    private(set) var policyGeneration = 0
    /// How the loop's calls and connections ended.
    package let counters = ServerCounters()
    /// The memory that the loop's connections write their responses into, one after the other.
    var outputMemory = ByteBuffer()

    /// - Parameters:
    ///   - policy: Who may call what, until ``replacePolicy(_:generation:)``.
    ///   - quotas: Of all event loops.
    ///   - inFlight: Of all event loops.
    ///   - maximumFrameLength: The longest data that is read, in bytes. The memory for unpacking follows from it.
    package init(
        backend: any VerificationBackend, policy: CallerPolicy, quotas: CallerQuotaRegistry, inFlight: InFlightCounter,
        maximumFrameLength: UInt32
    ) {
        self.backend = backend
        self.policy = policy
        self.quotas = quotas
        self.inFlight = inFlight
        arena = MessageArena(budget: 8 * max(64 << 10, Int(maximumFrameLength)))
    }

    /// Takes back the memory of an output that was written, for the next connection's; not that of a large one.
    func keep(_ written: inout ByteBuffer) {
        guard written.capacity <= 64 << 10 else { return }
        written.clear()
        swap(&outputMemory, &written)
    }

    // MARK: - Callers

    /// Goes by another policy from the next read on.
    func replacePolicy(_ new: CallerPolicy, generation: Int) {
        policy = new
        policyGeneration = generation
    }

    /// What a caller may do, as the policy has it now.
    package func context(for caller: Caller) -> CallerContext {
        let permissions = policy.permissions(for: caller)
        let quota = quotas.quota(of: caller, permissions.limits, at: backend.timeSource.now())
        return CallerContext(
            caller: caller, permissions: permissions, permits: InFlightPermits(server: inFlight, caller: quota),
            generation: policyGeneration)
    }

    // MARK: - Requests

    /// Looks at a request frame's data before its turn, so that its cache entry is near when ``decide(_:prefetched:in:)`` asks for it.
    package func prefetch(_ data: Span<UInt8>) -> PrefetchedVerify? {
        guard let request = CanonicalVerifyRequest(data), request.token.count <= Self.longestPrefetchedToken else { return nil }
        return PrefetchedVerify(request: request, key: backend.key(of: data.extracting(request.token)))
    }

    /// Decides what to do with a request frame's data.
    ///
    /// - Parameters:
    ///   - prefetched: Of this data, if it was prefetched.
    ///   - context: Takes a cached response.
    package func decide(
        _ data: Span<UInt8>, prefetched: PrefetchedVerify?, in context: inout RequestContext
    ) -> RequestDecision {
        // So that no response of another request can be in it.
        context.response.clear()
        if let request = prefetched?.request ?? CanonicalVerifyRequest(data) {
            if let refusal = admit(.verify, &context) { return refusal }
            let fields = request.fields(in: data)
            return verify(fields, key: prefetched?.key ?? backend.key(of: fields.token), &context)
        }
        return arena.withRequest(data) { decide($0, &context) } ?? fail(.malformedRequest, responses.notARequest)
    }

    private func decide(_ request: borrowing RequestView, _ context: inout RequestContext) -> RequestDecision {
        guard let method = request.method else {
            return request.namesMethod
                ? fail(.unimplemented, responses.unknownMethod) : fail(.malformedRequest, responses.noMethod)
        }
        if method == .healthCheck { return checkHealth(request, context) }
        // Before anything of the payload is read.
        if let refusal = admit(method, &context) { return refusal }
        switch method {
        case .verify:
            return request.withVerifyRequest { verify($0, key: backend.key(of: $0.token), &context) } ?? wrongPayload()
        case .exchange: return start(request.exchangeRequest().map(AsynchronousCall.exchange), request, &context)
        case .revoke: return start(request.revocationRequest().map(AsynchronousCall.revoke), request, &context)
        case .listAccounts: return start(request.accountListRequest().map(AsynchronousCall.listAccounts), request, &context)
        case .deleteAccount: return start(request.accountDeletionRequest().map(AsynchronousCall.deleteAccount), request, &context)
        case .statistics:
            guard request.isStatisticsRequest() else { return wrongPayload() }
            return .asynchronous(.statistics, timeout: request.timeout)
        case .healthCheck: preconditionFailure("a health check was answered above")
        }
    }

    /// Whether the caller may make another call of this method.
    ///
    /// - Returns: `nil` if so, otherwise the response.
    @inline(__always)
    private func admit(_ method: Method, _ context: inout RequestContext) -> RequestDecision? {
        guard context.caller.methods.allows(method) else { return notAllowed(method, context.caller.caller) }
        guard !context.isDraining else { return fail(.draining, responses.draining) }
        return context.caller.takeCall() ? nil : rateLimited(context)
    }

    // MARK: - Verify

    @inline(__always)
    private func verify(_ request: VerifyRequestView, key: TokenKey, _ context: inout RequestContext) -> RequestDecision {
        let hit = backend.lookup(
            key, applicationID: request.applicationID, maxAgeSeconds: request.maxAgeSeconds, now: context.now,
            into: &context.response)
        guard let hit else { return miss(request, key: key, &context) }
        counters.countHit(rejection: hit.rejection)
        if hit.isDueForRefresh { backend.refresh(Token(bytes: Array(copying: request.token)), key: key) }
        return .cached
    }

    private func miss(_ request: VerifyRequestView, key: TokenKey, _ context: inout RequestContext) -> RequestDecision {
        guard let application = String(validating: Array(copying: request.applicationID), as: UTF8.self) else {
            return wrongPayload()
        }
        let token = Token(bytes: Array(copying: request.token))
        // What can't be a token costs no one anything.
        if let rejection = backend.validateSyntax(of: token) {
            return fail(Failure(rejection.reason), ResponseEncoder.encode(Verdict.rejected(rejection)))
        }
        let call = VerifyCall(
            validated: token, key: key, applicationID: application.isEmpty ? nil : application,
            maxAge: request.maxAgeSeconds == 0 ? nil : .seconds(Int64(request.maxAgeSeconds)))
        if serveStale(call, on: .cacheMiss, &context) { return .cached }
        if let limit = charge(backend.isLookupInFlight(key) ? .permit : .permitAndMiss, &context) {
            return serveStale(call, on: .missLimitExceeded, &context) ? .cached : refuse(limit, context.caller)
        }
        return .asynchronous(.verify(call), timeout: request.timeout)
    }

    private func serveStale(_ call: VerifyCall, on occasion: StaleOccasion, _ context: inout RequestContext) -> Bool {
        let hit = backend.serveStale(call, on: occasion, now: context.now, into: &context.response)
        if let hit { counters.countHit(rejection: hit.rejection) }
        return hit != nil
    }

    // MARK: - Calls that wait

    private func start(
        _ call: AsynchronousCall?, _ request: borrowing RequestView, _ context: inout RequestContext
    ) -> RequestDecision {
        guard let call else { return wrongPayload() }
        if let limit = charge(.permitAndMiss, &context) { return refuse(limit, context.caller) }
        return .asynchronous(call, timeout: request.timeout)
    }

    /// What a call that the cache can't answer takes of its caller's limits.
    private enum Price {
        case permit
        case permitAndMiss
    }

    /// Takes an in-flight permit for a call, and charges a cache miss.
    ///
    /// - Returns: `nil` if both were there, otherwise the limit that is exceeded. Neither is taken then.
    private func charge(_ price: Price, _ context: inout RequestContext) -> LimitExceeded? {
        if let failure = context.caller.takePermit() { return LimitExceeded(failure, retryAfter: .milliseconds(100)) }
        guard price == .permitAndMiss,
            let wait = backend.chargeCacheMiss(to: context.caller.caller, limit: context.caller.misses, now: context.now)
        else { return nil }
        context.caller.returnPermit()
        return LimitExceeded(.tooManyMisses, retryAfter: wait)
    }

    // MARK: - Failures

    private func fail(_ failure: Failure, _ data: [UInt8]) -> RequestDecision {
        counters.countFailure(failure)
        return .immediate(data)
    }

    private func wrongPayload() -> RequestDecision { fail(.malformedRequest, responses.wrongPayload) }

    private func rateLimited(_ context: RequestContext) -> RequestDecision {
        let wait = context.caller.waitForNextCall(now: context.now)
        return refuse(LimitExceeded(.tooManyCallsPerSecond, retryAfter: wait), context.caller)
    }

    private func refuse(_ limit: LimitExceeded, _ caller: CallerContext) -> RequestDecision {
        fail(limit.failure, ResponseEncoder.encode(limit.answer(to: caller, setting: policy.setting)))
    }

    /// Tells the caller the name that it has here, which is what the setting would have to hold.
    private func notAllowed(_ method: Method, _ caller: Caller) -> RequestDecision {
        let message = "\(policy.setting) does not allow \(method.service)/\(method.name) to this caller, which is \(caller) here"
        return fail(.callerNotAllowed, ResponseEncoder.encode(FailureResponse(.callerNotAllowed, message)))
    }

    private func checkHealth(_ request: borrowing RequestView, _ context: RequestContext) -> RequestDecision {
        guard let service = request.healthCheckService() else { return wrongPayload() }
        guard service.isEmpty || Method.allCases.contains(where: { $0.service.description == service }) else {
            return fail(.serviceUnknown, responses.unknownService)
        }
        counters.countHealthCheck()
        return .immediate(context.isDraining ? responses.notServing : responses.serving)
    }
}

/// Responses that are always the same, encoded once.
private struct FixedResponses {
    let draining = ResponseEncoder.encode(
        FailureResponse(.draining, "this server is shutting down and did not start the call: ask another"))
    let notARequest = ResponseEncoder.encode(FailureResponse(.malformedRequest, "the data is not a ttrpc.Request"))
    let wrongPayload = ResponseEncoder.encode(
        FailureResponse(.malformedRequest, "the payload is not the request message of this method, or lacks a required field"))
    let noMethod = ResponseEncoder.encode(FailureResponse(.malformedRequest, "service and method are required"))
    let unknownMethod = ResponseEncoder.encode(FailureResponse(.unimplemented, "there is no such service or method"))
    let unknownService = ResponseEncoder.encode(
        FailureResponse(.serviceUnknown, "this server has no service of that name"))
    let serving = ResponseEncoder.encode(ServingStatus.serving)
    let notServing = ResponseEncoder.encode(ServingStatus.notServing)
}

extension Array where Element == UInt8 {
    fileprivate init(copying span: Span<UInt8>) {
        self.init()
        reserveCapacity(span.count)
        for index in span.indices { append(span[index]) }
    }
}
