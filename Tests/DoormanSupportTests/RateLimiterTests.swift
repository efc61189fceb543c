import DoormanCore
import DoormanSupport
import TestKit
import Testing

@Suite("The rate limiter")
struct RateLimiterTests {
    private func moment(_ milliseconds: Int) -> Instant {
        Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
    }

    @Test("calls charged beyond the limit delay later calls")
    func chargedAfterwards() {
        var limit = RateLimiter(callsPerSecond: 10, burst: 3)
        #expect(limit.available(at: moment(0)) == 3)
        limit.charge(2, at: moment(0))
        #expect(limit.available(at: moment(0)) == 1)
        #expect(limit.available(at: moment(100)) == 2)
        limit.charge(5, at: moment(100))
        #expect(limit.available(at: moment(100)) == 0)
        #expect(limit.available(at: moment(499)) == 0)
        #expect(limit.available(at: moment(500)) == 1)
        #expect(limit.available(at: moment(10_000)) == 3)
    }

    @Test("a burst begins at once, then one call per interval")
    func burstThenRate() {
        var limit = RateLimiter(callsPerSecond: 10, burst: 3)
        #expect((0..<10).filter { _ in limit.take(at: moment(0)) }.count == 3)
        #expect(limit.nextFree(at: moment(0)) == moment(100))
        #expect(limit.nextFree(after: 2, at: moment(0)) == moment(300))
        let taken = (1...1_000).filter { limit.take(at: moment($0)) }
        #expect(taken == (1...10).map { $0 * 100 })
    }

    @Test(
        "in no interval do more calls begin than the burst and the rate allow", arguments: [(1, 1), (7, 5), (1_000, 100), (333, 1)])
    func neverMore(rate: Int, burst: Int) {
        var random = SystemRandomNumberGenerator()
        var limit = RateLimiter(callsPerSecond: rate, burst: burst)
        var now = moment(0)
        var taken: [Instant] = []
        for _ in 0..<20_000 {
            if limit.take(at: now) { taken.append(now) }
            now = now.advanced(by: .microseconds(Int64.random(in: 0...(2_000_000 / Int64(rate)), using: &random)))
        }
        for first in stride(from: 0, to: taken.count, by: max(1, taken.count / 50)) {
            for last in stride(from: first, to: taken.count, by: max(1, taken.count / 50)) {
                let span = Double(taken[last].nanoseconds - taken[first].nanoseconds) / 1e9
                #expect(Double(last - first + 1) <= Double(burst) + span * Double(rate) + 1e-6)
            }
        }
        #expect(taken.count > 100 || rate == 1)
    }

    @Test(
        "a change of the rate keeps the used part of the burst",
        arguments: [(10, 3, 0), (10, 5, 2), (1_000, 13, 10), (1_000, 2, 0), (1, 4, 1)])
    func changed(rate: Int, burst: Int, left: Int) {
        var limit = RateLimiter(callsPerSecond: 100, burst: 8)
        for _ in 0..<3 { _ = limit.take(at: moment(0)) }
        limit.adopt(RateLimit(perSecond: rate, burst: burst), at: moment(0))
        #expect((0..<100).filter { _ in limit.take(at: moment(0)) }.count == left)
        #expect(limit.nextFree(at: moment(0)) == moment(1000 / rate))
        var quiet = RateLimiter(callsPerSecond: 100, burst: 8)
        _ = quiet.take(at: moment(0))
        quiet.adopt(RateLimit(perSecond: rate, burst: burst), at: moment(10_000))
        #expect((0..<100).filter { _ in quiet.take(at: moment(10_000)) }.count == burst)
    }
}
