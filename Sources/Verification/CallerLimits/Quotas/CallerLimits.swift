package import DoormanSupport

/// How much one caller may call, over all its connections.
package struct CallerLimits: Sendable, Hashable {
    /// Calls of any kind, those that memory answers too, but for health checks; nil (the default) for no limit.
    package var calls: CallBudget?
    /// Calls that wait for the provider at once. At least 1; nil (the default) for no limit.
    package var callsInFlight: Int?
    /// Calls that memory can't answer; nil (the default) for what every caller has.
    package var misses: CallBudget?

    package init() {}

    /// Whether anything has to be counted here. Misses are counted elsewhere.
    package var limitNothing: Bool { calls == nil && callsInFlight == nil }
}
