/// How things stand with the provider at one moment.
package struct GovernorStatistics: Sendable, Hashable {
    /// Calls that could be made at once.
    package let freeSlots: Int
    /// Calls that wait for others to end, or for their share of the rate.
    package let waiting: Int
    /// For how long nobody asks any more because the provider throttles us; nil if it does not.
    package let backOff: Duration?
    /// Whether the provider is asked, left alone, or tried.
    package let breaker: Breaker.State
}
