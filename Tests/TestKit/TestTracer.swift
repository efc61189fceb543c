package import InMemoryTracing
package import ServiceContextModule
package import Tracing

/// A tracer that keeps its spans, with the ids and the fields of W3C Trace Context.
package struct TestTracer: Tracer {
    private let memory = InMemoryTracer(idGenerator: .w3c)

    package init() {}

    /// The spans that have ended, in the order of their ends.
    package var spans: [FinishedInMemorySpan] { memory.finishedSpans }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        memory.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line)
    }

    package func forceFlush() {}

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-"), parts.count == 4 else {
            return
        }
        context.inMemorySpanContext = InMemorySpanContext(
            traceID: String(parts[1]), spanID: String(parts[2]), parentSpanID: nil)
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
        injector.inject("secret=1", forKey: "baggage", into: &carrier)
    }
}

extension InMemoryTracer.IDGenerator {
    /// Random ids that are not zero.
    fileprivate static var w3c: InMemoryTracer.IDGenerator {
        @Sendable func digits() -> String {
            let text = String(UInt64.random(in: 1 ... .max), radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return InMemoryTracer.IDGenerator(nextTraceID: { digits() + digits() }, nextSpanID: digits)
    }
}

extension FinishedInMemorySpan {
    /// The text of an attribute; `nil` without it.
    package func text(_ attribute: String) -> String? {
        attributes.get(attribute).map { attribute in
            switch attribute {
            case .string(let text): text
            case .int64(let number): "\(number)"
            case .int32(let number): "\(number)"
            case .bool(let flag): "\(flag)"
            default: "\(attribute)"
            }
        }
    }

    /// Everything that an exporter could write, to search it for secrets.
    package var everything: String {
        var text = "\(operationName) \(status.debugDescription) \(events) \(errors) \(links)"
        attributes.forEach { text += " \($0)=\($1)" }
        return text
    }
}
