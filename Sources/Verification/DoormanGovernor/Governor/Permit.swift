internal import DoormanCore
package import DoormanSupport

/// Leave to make one call to the provider. Whoever has one gives it back by ``Governor/finish(_:_:)``, once.
package struct Permit: Sendable, Hashable {
    /// When it was given.
    package let began: Instant
    /// The breaker's at that time.
    let epoch: UInt64
}

/// What a call told about the provider.
package enum CallResult: Sendable, Hashable {
    /// It is well, whatever it said of the question.
    case answered
    /// It throttles us.
    case throttled(retryAfter: Duration?)
    /// It is down, or as good as down.
    case failed
    /// The call ended for a reason that is not the provider's.
    case toldNothing
}

/// For what a call is made. Where both wait they are served in turn, so that neither can starve the other: a flood of unknown
/// tokens can't keep known ones from being refreshed in time.
package enum CallPurpose: Sendable, Hashable {
    /// Somebody waits for the answer.
    case demand
    /// To refresh what is known before its time is up.
    case refresh
}
