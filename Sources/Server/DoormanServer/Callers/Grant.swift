package import DoormanCore

/// What a caller may call, and how much.
package struct Grant: Sendable, Hashable {
    package var methods: MethodSet
    package var limits: CallerLimits

    package init(_ methods: MethodSet, _ limits: CallerLimits = CallerLimits()) {
        self.methods = methods
        self.limits = limits
    }

    /// That of those whom no rule names.
    package static let nothing = Grant([])
}

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
    var limitNothing: Bool { calls == nil && callsInFlight == nil }
}
