/// How things stand with the provider at one moment.
package struct GovernorStatistics: Sendable, Hashable {
    /// Calls that could be made at once.
    package let freeSlots: Int
    /// Calls that wait for others to end.
    package let waiting: Int
    /// For how long nobody asks any more; nil if the provider may be asked.
    package let backOff: Duration?
}
