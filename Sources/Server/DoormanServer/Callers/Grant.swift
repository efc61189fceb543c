package import CallerLimits
internal import DoormanSupport

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
