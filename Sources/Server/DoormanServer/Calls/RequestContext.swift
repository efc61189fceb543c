package import DoormanSupport
internal import DoormanWire

/// The state that the decisions about one turn's requests share.
package struct RequestContext {
    /// The connection's caller. Counts the calls and permits that the turn uses.
    package var caller: CallerContext
    /// The time at which the turn began.
    package let now: Instant
    /// Whether health checks get `NOT_SERVING`.
    package let isDraining: Bool
    /// Whether new calls get `DRAINING`.
    package let refusesCalls: Bool
    /// The response data for ``RequestDecision/cached``.
    package var response = EncodedResponse()
    /// The number of calls of a caller that has no permission at all.
    package var forbiddenCalls = 0

    /// - Parameter refusesCalls: By default while the connection drains.
    package init(caller: CallerContext, now: Instant, isDraining: Bool, refusesCalls: Bool? = nil) {
        self.caller = caller
        self.now = now
        self.isDraining = isDraining
        self.refusesCalls = refusesCalls ?? isDraining
    }
}

/// The decision about a request.
package enum RequestDecision {
    /// Send this data as the response.
    case immediate([UInt8])
    /// Send ``RequestContext/response``.
    case cached
    /// Start a call. Indirect, so that a cache hit does not carry the space for a call.
    indirect case asynchronous(AsynchronousCall, timeout: Duration?)
}

/// A `Verify` request in canonical form whose cache entry was prefetched before its turn.
package struct PrefetchedVerify: Sendable {
    let request: CanonicalVerifyRequest
    /// The key of the request's token.
    let key: TokenKey
}
