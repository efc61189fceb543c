package import DoormanCache
package import DoormanGovernor
internal import DoormanSupport

/// The limits and times of one history. They are small, so that histories reach all of them.
package struct SimulatedSettings: Sendable {
    package var cache = CacheSettings()
    package var governor = GovernorSettings()
    /// Number of events.
    package var steps = 80

    package init() {}

    /// The longest time for which a revoked token is denied.
    var longestDenial: Duration {
        max(
            cache.ttl * (1 + cache.jitter) + cache.staleIfError, cache.revocationLag + cache.lookupTimeout * 2, cache.negativeTTL)
    }

    init(drawnBy random: inout SplitMix64) {
        cache.ttl = random.duration(.milliseconds(100) ... .seconds(60))
        cache.negativeTTL = random.duration(.milliseconds(100) ... .seconds(10))
        cache.jitter = [0, 0.1, 0.5].randomElement(using: &random)!
        cache.refreshAhead = [0, 0.2, 0.9].randomElement(using: &random)!
        cache.staleIfError = [.zero, .seconds(3), .seconds(300)].randomElement(using: &random)!
        cache.staleRefreshInterval = [.zero, .milliseconds(200), .seconds(1)].randomElement(using: &random)!
        cache.lookupTimeout = random.duration(.milliseconds(200) ... .seconds(3))
        cache.shards = [1, 2, 4].randomElement(using: &random)!
        cache.valid = SegmentBounds(
            entries: Int.random(in: 4...40, using: &random), bytes: Int.random(in: 3_000...40_000, using: &random))
        cache.negative = SegmentBounds(entries: Int.random(in: 4...40, using: &random), bytes: 20_000)
        cache.maximumInFlightLookups = Int.random(in: 1...20, using: &random)
        cache.maximumWaitersPerLookup = Int.random(in: 1...10, using: &random)
        cache.revocationLag = [.zero, .milliseconds(300), .seconds(5)].randomElement(using: &random)!
        cache.maximumDenials = Int.random(in: 2...60, using: &random)
        cache.maximumDenialsPerCaller = Int.random(in: 2...40, using: &random)
        governor.concurrentCalls = Int.random(in: 1...8, using: &random)
        governor.callsPerSecond = [1, 5, 20, 1_000].randomElement(using: &random)!
        // A token of the second application needs two requests as the first one, without a pause.
        governor.callsBurst = Int.random(in: 3...20, using: &random)
        governor.maximumWaiting = Int.random(in: 0...20, using: &random)
        governor.circuitBreaker.consecutiveFailures = Int.random(in: 0...5, using: &random)
        governor.retryBurst = Int.random(in: 0...5, using: &random)
        governor.maximumThrottleBackOff = [.seconds(2), .seconds(60)].randomElement(using: &random)!
        steps = Int.random(in: 20...120, using: &random)
    }
}
