/// The limits on requests to one provider.
package struct GovernorSettings: Sendable, Hashable {
    /// The maximum provider requests in flight. At least 1, default 64.
    package var concurrentCalls = 64
    /// The maximum provider requests that begin in a second, retries included. From 1 to 1,000,000, default 1,000.
    package var callsPerSecond = 1_000
    /// The maximum provider requests that begin at once after an idle time. At least 1, default 100. In no span of time do more requests
    /// begin than this number plus `callsPerSecond` times the span.
    package var callsBurst = 100
    /// The maximum calls that wait for a slot or for the rate limit. Default 10,000; a further call is told that the provider is busy.
    package var maximumWaiting = 10_000
    /// The time to back off after the provider throttles without naming a time. Doubled each time that it throttles right afterwards.
    /// Default 1 s.
    package var throttleBackOff: Duration = .seconds(1)
    /// The maximum time to back off, whatever the provider names. Default 60 s.
    package var maximumThrottleBackOff: Duration = .seconds(60)
    /// The used part of the allowance, in percent, from which on the governor backs off for `throttleBackOff`. The provider reports it in
    /// `X-App-Usage`. From 1 to 1,000, default 95.
    package var usageLimit = 95
    /// The maximum retries, as a percentage of calls. From 0 to 100, default 10.
    package var retryBudget = 10
    /// The maximum retries at once beyond `retryBudget`; also the number at the start. Default 10.
    package var retryBurst = 10
    /// The minimum time left before the deadline for a retry, or for a call that had to wait, to begin. Default 50 ms.
    package var minimumRetryTime: Duration = .milliseconds(50)
    /// The maximum jitter of the time after which a refused call may come back, as a fraction of that time. From 0 (none) to 1, default
    /// 0.1.
    package var retryJitter = 0.1
    package var circuitBreaker = CircuitBreakerSettings()

    package init() {}
}

/// When a circuit breaker opens, and how it closes again.
package struct CircuitBreakerSettings: Sendable, Hashable {
    /// The number of consecutive failures that open the circuit breaker. 0 for never, default 10.
    package var consecutiveFailures = 10
    /// The time for which it stays open at first. Doubled each time that a probe fails. Default 1 s.
    package var openTime: Duration = .seconds(1)
    /// The maximum time for which it stays open before the next probe. Default 5 s.
    package var maximumOpenTime: Duration = .seconds(5)
    /// The maximum probes in flight while it is half-open. At least 1, default 1.
    package var halfOpenCalls = 1
    /// The time after an outage or throttling in which the provider counts as recovering, since all entries are refreshed then.
    /// Default 30 s.
    package var recoveryTime: Duration = .seconds(30)
    /// The minimum time of a call that its own deadline ended for it to count as a failure. Default 1 s.
    package var slowCall: Duration = .seconds(1)

    package init() {}
}
