package import DoormanSupport

/// A permit for one provider request. Its holder returns it once, by ``Governor/finish(_:_:)``.
package struct Permit: Sendable, Hashable {
    /// When the governor granted it.
    package let began: Instant
    /// The circuit breaker's epoch at that time.
    let epoch: UInt64
    /// The hash of the token that the request is about; `nil` if it is about none.
    ///
    /// `Hasher` has a random seed in each process, so a caller can't choose tokens whose hashes collide. If two do, they share a failure
    /// for a second, and count as one for the circuit breaker.
    var token: Int?
}

/// What a call showed about the provider.
package enum CallResult: Sendable, Hashable {
    /// The provider responded, whatever its verdict.
    case responded
    /// The provider throttled the call.
    case throttled(retryAfter: Duration?)
    /// The provider is down, or too slow.
    case failed
    /// The call ended for a reason that does not lie with the provider.
    case inconclusive
}
