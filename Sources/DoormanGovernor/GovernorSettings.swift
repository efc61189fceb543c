/// How hard a provider may be asked.
package struct GovernorSettings: Sendable, Hashable {
    /// Calls to the provider at once. At least 1, default 64.
    package var concurrentCalls = 64
    /// Calls that may wait for others to end. Default 10,000; one more is told that the provider is busy.
    package var maximumWaiting = 10_000
    /// How long nobody asks after the provider throttled us without saying for how long. Default 1 s.
    package var defaultBackOff: Duration = .seconds(1)
    /// The longest that nobody asks, whatever the provider said. Default 60 s.
    package var maximumBackOff: Duration = .seconds(60)
    /// How many calls in a hundred may be second tries. From 0 to 100, default 10.
    package var retryPercentage = 10
    /// How many second tries may be saved up; so many are there at the start. Default 10.
    package var savedRetries = 10
    /// A second try needs at least this much time before the deadline. Default 50 ms.
    package var minimumRetryTime: Duration = .milliseconds(50)

    package init() {}
}
