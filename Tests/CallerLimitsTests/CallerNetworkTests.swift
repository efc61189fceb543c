import CallerLimits
import DoormanSupport
import Testing

@Suite("The limit of a network of callers")
struct CallerNetworkTests {
    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    /// Returns how many permits a caller gets at once.
    private func permits(_ limiter: CallerRateLimiter<String>, _ caller: String, at now: Instant) -> Int {
        (0..<10).filter { _ in limiter.charge(caller, at: now) == nil }.count
    }

    @Test("callers of a network share its limit beside their own", arguments: [0, 20])
    func shared(perSecond: Int) {
        var settings = CallerRateLimiterSettings(perSecond: 10, burst: 5)
        settings.networkPerSecond = perSecond
        settings.networkBurst = 12
        let limiter = CallerRateLimiter<String>(
            settings: settings, network: { $0.split(separator: ".").first.map(String.init) }, roll: { 0 })
        let taken = (0..<10).map { permits(limiter, "bad.\($0)", at: moment(0)) }
        guard perSecond > 0 else {
            #expect(taken == Array(repeating: 5, count: 10))
            return
        }
        #expect(taken == [5, 5, 2, 0, 0, 0, 0, 0, 0, 0])
        // 78 calls before it were told the earlier permits of the network.
        #expect(limiter.charge("bad.9", at: moment(0)) == RateLimitExceeded(.network, retryAfter: .milliseconds(79 * 50)))
        #expect(limiter.charge("bad.0", at: moment(0)) == RateLimitExceeded(.caller, retryAfter: .milliseconds(6 * 100)))
        #expect(permits(limiter, "good.0", at: moment(0)) == 5)
        // A call that the network's limit refused cost nothing of the caller's own limit.
        #expect(permits(limiter, "bad.9", at: moment(600)) == 5)
        // A call that the caller's own limit refused cost nothing of the network's limit.
        #expect(permits(limiter, "bad.8", at: moment(600)) == 5)
        #expect(permits(limiter, "bad.7", at: moment(600)) == 2)
    }

    @Test("networks beyond the maximum share one limit")
    func manyNetworks() {
        var settings = CallerRateLimiterSettings(perSecond: 10, burst: 5)
        settings.networkPerSecond = 20
        settings.networkBurst = 12
        settings.maximumCallers = 100
        let limiter = CallerRateLimiter<Int>(settings: settings, network: { $0 / 10 })
        let taken = (0..<100_000).filter { limiter.charge($0, at: moment(0)) == nil }.count
        // The first hundred callers have their own limits, and ten networks. All others share the limit of a caller.
        #expect(taken == 100 + 5)
        #expect(limiter.callerCount == 100)
    }
}
