package import DoormanSupport
package import DoormanTracing
internal import DoormanWire
internal import Tracing

extension StartedCall {
    /// Performs the call within its trace. Without a tracer, the trace is only the context that the caller sent.
    func perform(
        on backend: any VerificationBackend, statistics: CoalescedStatisticsReader<[UInt8]>, tracer: CallTracer?
    ) async -> AsynchronousCall.Outcome {
        guard let trace = makeTrace(tracer) else {
            return await call.perform(on: backend, deadline: deadline, statistics: statistics)
        }
        let outcome = await CallTrace.$current.withValue(trace) {
            await call.perform(on: backend, deadline: deadline, statistics: statistics)
        }
        if let span = trace.span {
            span.set(outcome.failure, from: outcome.source)
            span.end()
        }
        return outcome
    }

    private func makeTrace(_ tracer: CallTracer?) -> CallTrace? {
        guard tracer != nil || origin.trace != nil else { return nil }
        return CallTrace(parent: origin.trace, span: tracer?.startSpan(of: call.method, origin))
    }
}

extension CallTracer {
    /// Starts the server span of a call. No attribute comes from the request's message, so that none holds a token, a code or an account.
    fileprivate func startSpan(of method: Method, _ origin: CallOrigin) -> any Span {
        let span = startCall("\(method.service)/\(method.name)", parent: origin.trace)
        span.updateAttributes { attributes in
            // HTTP is no RPC system (OpenTelemetry's semantic conventions for RPC).
            switch origin.interface {
            case .ttrpc, .grpc: attributes["rpc.system"] = origin.interface.rawValue
            case .http: attributes["network.protocol.name"] = origin.interface.rawValue
            }
            attributes["rpc.service"] = "\(method.service)"
            attributes["rpc.method"] = "\(method.name)"
        }
        return span
    }

    /// Records a `Verify` that the cache has answered, if its caller records it: a span for each hit would cost more than the hit.
    ///
    /// - Parameter response: The hit's response, which may be a cached rejection.
    package func recordHit(_ origin: CallOrigin, response: EncodedResponse) {
        guard let parent = origin.trace, parent.isSampled else { return }
        let span = startSpan(of: .verify, origin)
        let failure = response.withSpan { data -> Failure? in
            guard case .failure(let failure)? = EncodedResponseView(canonical: data) else { return nil }
            return failure.failure
        }
        span.set(failure, from: .cache)
        span.end()
    }
}

extension Span {
    /// Notes how a call has ended. All interfaces map the same status of gRPC.
    fileprivate func set(_ failure: Failure?, from source: ResponseSource) {
        updateAttributes { attributes in
            attributes["doorman.response.source"] = source.rawValue
            attributes["rpc.grpc.status_code"] = Int(failure?.row.code.rawValue ?? 0)
            if let failure { attributes["error.type"] = failure.auditName }
        }
        if let failure, failure.isServerError { setStatus(SpanStatus(code: .error, message: failure.auditName)) }
    }
}

extension Failure {
    /// Whether the failure is an error of the server's span. Others, such as a rejected token, are a matter of the caller
    /// (OpenTelemetry's semantic conventions for gRPC).
    fileprivate var isServerError: Bool {
        [.unknown, .deadlineExceeded, .unimplemented, .internal, .unavailable].contains(row.code)
    }
}
