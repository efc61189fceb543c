import CallerLimits
import DoormanSupport
import NIOConcurrencyHelpers
import Testing

/// 400 processes of one caller begin at the same time, and come back when they are told.
@Suite("Many processes of a caller over its limit")
struct RetryHerdTests {
    /// Plays the calls of all processes.
    ///
    /// - Parameters:
    ///   - responses: The responses that each process needs. It makes its next call as soon as it has a response.
    ///   - call: Makes a call. Returns `nil` for a response, otherwise the time to wait.
    /// - Returns: The number of calls, and the time that passed.
    private func play(
        responses: Int, _ call: (Instant) -> Duration?
    ) -> (calls: Int, took: Duration) {
        let start = Instant(nanoseconds: 1_000_000_000_000)
        var processes = Array(repeating: (due: start, missing: responses), count: 400)
        var random = SplitMix64(seed: 7)
        var (calls, now) = (0, start)
        while let next = processes.indices.filter({ processes[$0].missing > 0 }).min(by: { processes[$0].due < processes[$1].due })
        {
            now = processes[next].due
            calls += 1
            // Up to a millisecond on the network and in the process.
            let delay = Duration.nanoseconds(Int64(random.next() % 1_000_000))
            if let wait = call(now) {
                processes[next].due = now.advanced(by: wait + delay)
            } else {
                processes[next].missing -= 1
                processes[next].due = now.advanced(by: delay)
            }
        }
        return (calls, start.duration(to: now))
    }

    private static let rates = [
        RateLimit(perSecond: 1, burst: 2), RateLimit(perSecond: 10, burst: 20), RateLimit(perSecond: 100, burst: 10),
        RateLimit(perSecond: 500, burst: 100),
    ]

    @Test("processes that obey need two calls per cache miss", arguments: rates, [1, 3])
    func cacheMisses(rate: RateLimit, responses: Int) {
        let settings = CallerRateLimiterSettings(perSecond: rate.perSecond, burst: rate.burst)
        let limiter = CallerRateLimiter<String>(settings: settings, roll: roll(seed: 1))
        let (calls, took) = play(responses: responses) { limiter.charge("caller", at: $0)?.retryAfter }
        expect(calls, took, rate, responses)
    }

    @Test("processes that obey need two calls per cache hit", arguments: rates, [1, 3])
    func calls(rate: RateLimit, responses: Int) {
        var limits = CallerQuota.Limits()
        limits.calls = rate
        let quota = CallerQuota(limits, roll: roll(seed: 2))
        let (calls, took) = play(responses: responses) { now in
            guard quota.availableCalls(at: now) > 0 else { return quota.waitForNextCall(after: 0, at: now) }
            quota.charge(1, at: now)
            return nil
        }
        expect(calls, took, rate, responses)
    }

    /// Expects few calls, and a rate that is nearly used up.
    private func expect(_ calls: Int, _ took: Duration, _ rate: RateLimit, _ responses: Int) {
        #expect(Double(calls) <= 2.1 * Double(400 * responses))
        let shortest = Duration.seconds(400 * responses - rate.burst) / rate.perSecond
        #expect(took >= shortest && took <= shortest * 1.1 + .seconds(2))
    }

    private func roll(seed: UInt64) -> @Sendable () -> UInt64 {
        let random = NIOLockedValueBox(SplitMix64(seed: seed))
        return { random.withLockedValue { $0.next() } }
    }
}
