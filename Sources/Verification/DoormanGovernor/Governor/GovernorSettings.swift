/// How hard a provider may be asked.
package struct GovernorSettings: Sendable, Hashable {
    /// Calls to the provider at once. At least 1, default 64.
    package var concurrentCalls = 64
    /// Calls to the provider that begin in a second, second tries included. From 1 to 1,000,000, default 1,000.
    package var callsPerSecond = 1_000
    /// How many calls may be saved up while fewer are made, to begin all at once. At least 1, default 100. In no time span do
    /// more than this and `callsPerSecond` times the span begin.
    package var savedCalls = 100
    /// Calls that may wait for others to end, or for the second's share. Default 10,000; one more is told that the provider is
    /// busy.
    package var maximumWaiting = 10_000
    /// How long nobody asks after the provider throttled us without saying for how long. Doubled each time that it throttles us
    /// again right after. Default 1 s.
    package var defaultBackOff: Duration = .seconds(1)
    /// The longest that nobody asks, whatever the provider said. Default 60 s.
    package var maximumBackOff: Duration = .seconds(60)
    /// From which part of our allowance on, in percent, nobody asks for `defaultBackOff`, where the provider says how much of it
    /// is used up (`X-App-Usage`). From 1 to 1,000, default 95.
    package var usageLimit = 95
    /// How many calls in a hundred may be second tries. From 0 to 100, default 10.
    package var retryPercentage = 10
    /// How many second tries may be saved up; so many are there at the start. Default 10.
    package var savedRetries = 10
    /// A second try, or one that had to wait, needs at least this much time before the deadline. Default 50 ms.
    package var minimumRetryTime: Duration = .milliseconds(50)
    /// After how many failures in a row the breaker opens: nobody asks then but a probe now and then. 0 for never, default 10.
    package var breakerFailures = 10
    /// How long the breaker stays open at first. Doubled each time that a probe fails. Default 1 s.
    package var breakerOpenTime: Duration = .seconds(1)
    /// The longest that the breaker stays open before the next probe. Default 5 s.
    package var maximumBreakerOpenTime: Duration = .seconds(5)
    /// How many probes may be under way once the breaker has been open for its time. At least 1, default 1.
    package var breakerProbes = 1
    /// How long after the provider was down or throttled us it counts as recovering: everything known is asked about again then.
    /// Default 30 s.
    package var recoveryTime: Duration = .seconds(30)
    /// A call that its own deadline ended counts as a failure if it had at least this much time. Default 1 s.
    package var slowCall: Duration = .seconds(1)

    package init() {}
}
