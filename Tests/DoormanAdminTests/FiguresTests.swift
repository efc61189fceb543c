import DoormanCore
import Glibc
import Testing

@testable import DoormanAdmin

@Suite("Figures of the admin pages")
struct FiguresTests {
    private static func statistics(second: Int) -> ServerStatistics {
        var statistics = ServerStatistics()
        statistics.uptime = .seconds(second)
        statistics.calls = [.init(method: "Verify", source: "cache", code: "OK"): UInt64(10 * second)]
        statistics.counters = [.cacheHits: UInt64(9 * second), .cacheMisses: UInt64(second)]
        return statistics
    }

    @Test("the history has a sample for each second of five minutes")
    func samples() {
        let history = StatisticsHistory()
        history.record(Self.statistics(second: 1))
        #expect(history.samples.isEmpty, "nothing is before the first statistics")
        for second in 2...400 { history.record(Self.statistics(second: second)) }
        #expect(history.samples.count == 300)
        #expect(
            history.samples.last
                == StatisticsHistory.Sample(callsPerSecond: 10, hitRatio: 0.9, latency99: nil, providerRequestsPerSecond: 0))
    }

    @Test("the history keeps the statistics of a minute ago")
    func minuteAgo() throws {
        let history = StatisticsHistory()
        #expect(history.minuteAgo == nil)
        for second in 1...400 { history.record(Self.statistics(second: second)) }
        let minuteAgo = try #require(history.minuteAgo)
        #expect((Duration.seconds(335)...Duration.seconds(346)).contains(minuteAgo.uptime))
    }

    @Test("the process has figures of its own")
    func process() throws {
        let figures = ProcessFigureReader().read()
        #expect(try #require(figures.residentBytes) > 1 << 20)
        #expect(try #require(figures.virtualBytes) > #require(figures.residentBytes))
        #expect(try #require(figures.openDescriptors) >= 3)
        #expect(try #require(figures.maximumDescriptors) >= #require(figures.openDescriptors))
        #expect(try #require(figures.threads) >= 1)
        #expect(try #require(figures.cpuSeconds) >= 0)
        #expect(try #require(figures.startTime) > 1_700_000_000)
    }

    @Test("a reader sees descriptors that were opened or closed after its creation")
    func descriptors() throws {
        let reader = ProcessFigureReader()
        let opened = (0..<100).map { _ in unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) }
        let most = try #require(reader.read().openDescriptors)
        for descriptor in opened { close(descriptor) }
        // Others may open and close some meanwhile.
        #expect((80...120).contains(Int(most) - Int(try #require(reader.read().openDescriptors))))
    }

    @Test("a process name with spaces and parentheses does not shift the fields")
    func processName() {
        var figures = ProcessFigures()
        let fields = (4...52).map { $0 == 14 ? "250" : $0 == 15 ? "50" : $0 == 20 ? "7" : "0" }.joined(separator: " ")
        figures.add(stat: "1 (a b) (c) d) S \(fields)\n", ticksPerSecond: 100, bootTime: nil)
        #expect(figures.cpuSeconds == 3)
        #expect(figures.threads == 7)
        #expect(figures.startTime == nil)
    }
}
