package import NIOCore

extension ServerConnection {
    /// The bounds of a turn: the frames that a connection handles before the other connections of its event loop get theirs.
    package struct TurnLimit: Sendable {
        /// The cost of a turn's frames. Without a bound, 64 KiB of malformed requests held an event loop for 6 ms.
        private static let maximumCost = 512
        /// The cost of a frame that is no cache hit: a failure, a health check or the start of a call.
        private static let costOfOther = 8

        /// The response bytes that may wait for the peer. The turn exceeds it by one response at most.
        package let outputBytes: Int
        private var cost = 0

        package init(outputBytes: Int) {
            self.outputBytes = outputBytes
        }

        @inline(__always)
        fileprivate var allowsFrame: Bool { cost < Self.maximumCost }

        @inline(__always)
        fileprivate mutating func countHit() { cost += 1 }

        @inline(__always)
        fileprivate mutating func countOther() { cost += Self.costOfOther }
    }

    /// The state of the received frames at the end of a turn.
    package enum TurnEnd: Sendable, Hashable {
        /// All whole frames are handled.
        case finished
        /// Frames may be left for the next turn.
        case framesWait
    }

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
            guard limit.allowsFrame, outputBytes <= limit.outputBytes else { return .framesWait }
            guard let frame = nextFrame() else { return .finished }
            if mayFlush { mayFlush = flushEarly(write) }
            guard case .request(let request) = frame else {
                limit.countOther()
                continue
            }
            prefetchNext { dispatcher.prefetch($0) }
            let decision = withRequestData { dispatcher.decide($0, prefetched: $1, in: &context) }
            apply(decision, to: request, cached: context.response, now: context.now)
            if case .cached = decision {
                limit.countHit()
            } else {
                limit.countOther()
                if context.forbiddenCalls > 0, hasTooMany(forbiddenCalls: context.forbiddenCalls) { return .finished }
            }
        }
    }
}
