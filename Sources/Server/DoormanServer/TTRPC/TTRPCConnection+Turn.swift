package import NIOCore

extension TTRPCConnection {
    /// Handles the frames that have arrived, within the limit.
    ///
    /// - Parameters:
    ///   - dispatcher: Decides about the requests.
    ///   - flushEarly: Writes output while frames wait. Consumes as much as it can, and returns whether it consumed everything.
    @inline(__always)
    package mutating func takeTurn(
        _ dispatcher: RequestDispatcher, in context: inout RequestContext, limit: TurnLimit,
        flushEarly write: (inout ByteBuffer) -> Bool
    ) -> TurnEnd {
        var (limit, mayFlush) = (limit, true)
        while true {
            guard limit.allowsRequest, outputBytes <= limit.outputBytes else { return .framesWait }
            guard let frame = nextFrame() else { return .finished }
            if mayFlush { mayFlush = flushEarly(write) }
            guard case .request(let request) = frame else {
                limit.countOther()
                continue
            }
            prefetchNext { dispatcher.prefetch($0) }
            let decision = withRequestData { dispatcher.decide($0, prefetched: $1, in: &context) }
            apply(decision, to: request, cached: context.response, now: context.now, traced: dispatcher)
            if case .cached = decision {
                limit.countHit()
            } else {
                limit.countOther()
                if context.forbiddenCalls > 0, state.hasTooMany(forbiddenCalls: context.forbiddenCalls) { return .finished }
            }
        }
    }
}
