import DoormanCore
import Testing

@Suite("A server's statistics")
struct ServerStatisticsTests {
    private func statistics(uptime: Duration, hits: UInt64, verified: UInt64) -> ServerStatistics {
        var statistics = ServerStatistics()
        statistics.startedAt = Timestamp(millisecondsSince1970: 1_500_000_000_000)
        statistics.uptime = uptime
        statistics.counters[.cacheHits] = hits
        statistics.gauges[.cacheInFlightLookups] = hits
        statistics.calls[.init(method: "Verify", source: "provider", code: "OK")] = verified
        return statistics
    }

    @Test("the difference of two statistics contains the counts that have grown")
    func since() throws {
        let first = statistics(uptime: .seconds(10), hits: 100, verified: 7)
        let second = statistics(uptime: .seconds(12), hits: 150, verified: 7)
        let between = try #require(second.since(first))
        #expect(between.uptime == .seconds(2))
        #expect(between.counters == [.cacheHits: 50])
        #expect(between.gauges == [.cacheInFlightLookups: 150])
        #expect(between.calls.isEmpty)
    }

    @Test("statistics of different starts have no difference")
    func incomparable() {
        let first = statistics(uptime: .seconds(10), hits: 100, verified: 7)
        var restarted = statistics(uptime: .seconds(12), hits: 3, verified: 0)
        #expect(first.since(first) == nil)
        #expect(first.since(restarted) == nil)
        restarted.startedAt = Timestamp(millisecondsSince1970: 1_500_000_060_000)
        #expect(restarted.since(first) == nil)
    }
}
