package import DoormanSupport
internal import DoormanWire

/// What the requests of one read are decided with.
package struct RequestContext {
    /// The connection's caller. Counts what the read takes of its quota.
    package var caller: CallerContext
    /// When the read began.
    package let now: Instant
    /// Whether new calls are answered `DRAINING`.
    package let isDraining: Bool
    /// The response of a ``RequestDecision/cached``.
    package var response = EncodedResponse()

    package init(caller: CallerContext, now: Instant, isDraining: Bool) {
        self.caller = caller
        self.now = now
        self.isDraining = isDraining
    }
}

/// What to do with a request.
package enum RequestDecision {
    /// Send this data as its response.
    case immediate([UInt8])
    /// Send ``RequestContext/response``.
    case cached
    /// Start a call. Indirect, so that a hit carries no space for one.
    indirect case asynchronous(AsynchronousCall, timeout: Duration?)
}

/// A `Verify` in canonical form whose cache entry was prefetched before its turn.
package struct PrefetchedVerify: Sendable {
    let request: CanonicalVerifyRequest
    /// The key of the request's token.
    let key: TokenKey
}
