package import Tracing

/// The trace of a call while the server works for it. The work reads it from the task, so that no function in between has to hand it on.
package final class CallTrace: Sendable {
    /// The trace of the call that the task works for; `nil` if its caller sent none and no tracer is there.
    @TaskLocal package static var current: CallTrace?

    /// The context that the caller sent; `nil` if it sent none.
    package let parent: TraceContext?
    /// The call's span; `nil` without a tracer.
    package let span: (any Span)?

    package init(parent: TraceContext?, span: (any Span)?) {
        self.parent = parent
        self.span = span
    }

    /// Notes that the call waits for a provider request that another call has begun.
    ///
    /// - Parameter first: The trace of that call; `nil` if it has none.
    package func join(_ first: CallTrace?) {
        guard let span else { return }
        span.attributes["doorman.lookup.joined"] = true
        if let context = first?.span?.context { span.addLink(SpanLink(context: context, attributes: [:])) }
    }
}
