/// The time to wait before a retry of a call that a limit turned down.
package enum RetryHint {
    /// The minimum delay where the time of the next permit is unknown. A retry at once would mostly be turned down again.
    package static let minimumDelay = Duration.milliseconds(100)
}
