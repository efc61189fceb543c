package import DoormanCore
package import DoormanSupport

/// Sends the requests of one application or client to its provider, and reports their outcomes.
///
/// Sends each request at most once: retries and limits are the governor's task.
package struct ProviderClient: Sendable {
    /// Receives the outcome and the latency of each request, for metrics and logs. Called on any thread; must not block.
    package typealias Observer = @Sendable (ProviderEndpoint, RequestOutcome, _ latency: Duration) -> Void
    /// Receives the used part of the application's limits, in percent, from each response that states it. Called on any thread; must
    /// not block.
    package typealias UsageObserver = @Sendable (Int) -> Void
    /// Receives the number of times that the transport repeated a request by itself, if it did. Called on any thread; must not block.
    package typealias RepeatObserver = @Sendable (Int) -> Void
    /// Receives the limit that a good token exceeds, for the log. Called on any thread; must not block.
    package typealias LimitObserver = @Sendable (IdentityLimit) -> Void

    package let time: TimeSource
    /// Reports the used part of the application's limits. The provider's own code calls it, since the header is not standardized.
    package let usage: UsageObserver
    /// Reports the limit that a good token exceeds: see ``exceeded(_:)``.
    package let limits: LimitObserver
    /// The traces of the requests. Default none.
    package var tracing = ProviderTracing(tracer: nil, propagation: .none, provider: "")
    private let transport: any HTTPTransport
    private let observer: Observer
    private let repeats: RepeatObserver

    package init(
        transport: any HTTPTransport, time: TimeSource, observer: @escaping Observer = { _, _, _ in },
        usage: @escaping UsageObserver = { _ in }, repeats: @escaping RepeatObserver = { _ in },
        limits: @escaping LimitObserver = { _ in }
    ) {
        self.transport = transport
        self.time = time
        self.observer = observer
        self.usage = usage
        self.repeats = repeats
        self.limits = limits
    }

    /// Sends a request within the time left, and classifies the response.
    ///
    /// - Parameters:
    ///   - deadline: The end of the call.
    ///   - classify: Returns the meaning of a response, and its kind for the observer.
    /// - Throws: ``VerificationError`` if no whole response arrives in time. It contains nothing from the provider.
    package func send<Meaning>(
        _ request: HTTPRequest, to endpoint: ProviderEndpoint, deadline: Deadline,
        classify: (HTTPResponse) -> (Meaning, ResponseKind)
    ) async throws(VerificationError) -> Meaning {
        let requestedAt = time.now()
        let remaining = deadline.remaining(at: requestedAt)
        guard remaining > .zero else { throw .deadlineBeforeRequest }
        let response: HTTPResponse
        let traced = tracing.begin(request, to: endpoint)
        do {
            response = try await transport.send(traced.request, timeout: remaining)
        } catch {
            traced.end(error)
            if error.repeats > 0 { repeats(error.repeats) }
            observer(endpoint, .failed(error.code, error.cause), requestedAt.duration(to: time.now()))
            let deadlineHasPassed = error.code == .timedOut && deadline.hasPassed(at: time.now())
            throw deadlineHasPassed ? .deadlineExceeded : VerificationError(error, of: request, to: endpoint)
        }
        traced.end(status: response.status)
        let latency = requestedAt.duration(to: time.now())
        if response.repeats > 0 { repeats(response.repeats) }
        let (meaning, kind) = classify(response)
        observer(endpoint, .answered(kind, status: response.status), latency)
        return meaning
    }

    /// Reports the limit that a good token exceeds.
    ///
    /// - Returns: The error of the call.
    package func exceeded(_ limit: IdentityLimit) -> VerificationError {
        limits(limit)
        return VerificationError(limit)
    }
}
