internal import ServiceContextModule
package import Tracing

/// The tracer of the process, as the server uses it. Only a program that bootstraps a tracer has it.
package struct CallTracer: Sendable {
    private let tracer: any Tracer

    package init(_ tracer: any Tracer) {
        self.tracer = tracer
    }

    /// The tracer that the program has bootstrapped, or that is bound to the task; `nil` without one.
    package static var bootstrapped: CallTracer? {
        let tracer = InstrumentationSystem.tracer
        return tracer is NoOpTracer ? nil : CallTracer(tracer)
    }

    /// Starts the span of a call of a caller.
    package func startCall(_ name: String, parent: TraceContext?) -> any Span {
        var context = ServiceContext.topLevel
        if let parent { tracer.extract(parent, into: &context, using: TraceContextExtractor()) }
        return tracer.startSpan(name, context: context, ofKind: .server)
    }

    /// Starts the span of a request to a provider, as a child of the span of the call that the task works for. Requests in the background have
    /// no parent.
    package func startRequest(_ name: String) -> any Span {
        tracer.startSpan(name, context: CallTrace.current?.span?.context ?? .topLevel, ofKind: .client)
    }

    /// Returns a span's context for the next hop; `nil` if the tracer does not write W3C Trace Context. Anything else that a tracer writes,
    /// such as baggage, is dropped.
    package func context(of span: any Span) -> TraceContext? {
        var fields = TraceFields()
        tracer.inject(span.context, into: &fields, using: TraceFieldsInjector())
        return fields.context
    }
}

private struct TraceContextExtractor: Extractor {
    func extract(key: String, from carrier: TraceContext) -> String? {
        switch TraceFields.Name(key.utf8Span.span) {
        case .traceparent: carrier.traceparent
        case .tracestate: carrier.tracestate.isEmpty ? nil : carrier.tracestate
        case nil: nil
        }
    }
}

private struct TraceFieldsInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout TraceFields) {
        if let name = TraceFields.Name(key.utf8Span.span) { carrier.add(name, value) }
    }
}
