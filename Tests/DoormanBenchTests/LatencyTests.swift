import DoormanBench
import DoormanCore
import Testing

@Suite("Latency histograms")
struct LatencyTests {
    private func close(_ latency: Duration, to expected: Duration) -> Bool {
        abs(latency / expected - 1) < 0.001
    }

    @Test("have percentiles of three significant digits")
    func percentiles() throws {
        for unit in [Duration.nanoseconds(100), .microseconds(1), .milliseconds(1), .seconds(1)] {
            var histogram = BenchLatencyHistogram()
            for number in 1...10_000 { histogram.record(unit * number) }
            let summary = try #require(histogram.summary)
            #expect(summary.count == 10_000)
            #expect(summary.min == unit)
            #expect(close(summary.max, to: unit * 10_000))
            #expect(close(summary.mean, to: unit * 10_001 / 2))
            for (percentile, number) in [(.p50, 5000), (.p90, 9000), (.p99, 9900), (.p999, 9990), (.p9999, 9999)]
                as [(Percentile, Int)]
            {
                #expect(close(summary[percentile], to: unit * number), "\(percentile.name) of \(unit)")
            }
        }
    }

    @Test("can be added to each other")
    func adding() throws {
        var (one, other) = (BenchLatencyHistogram(), BenchLatencyHistogram())
        #expect(one.summary == nil)
        one.record(.milliseconds(1))
        other.record(.seconds(3))
        one.add(other)
        let summary = try #require(one.summary)
        #expect(summary.count == 2)
        #expect(close(summary.max, to: .seconds(3)))
    }

    @Test("clamp latencies out of range")
    func ends() throws {
        var histogram = BenchLatencyHistogram()
        histogram.record(.seconds(1_000_000_000))
        histogram.record(.seconds(-1))
        let summary = try #require(histogram.summary)
        #expect(summary.count == 2)
        #expect(summary.min == .zero)
        #expect(summary.max > .seconds(86_400))
    }

    @Test("have a curve that never falls")
    func curve() throws {
        var histogram = BenchLatencyHistogram()
        for number in 1...5000 { histogram.record(.microseconds(number)) }
        let curve = try #require(histogram.summary).curve
        #expect(curve.first?.nines.value == 0)
        #expect(curve.last.map { close($0.latency, to: .milliseconds(5)) } == true)
        for (point, next) in zip(curve, curve.dropFirst()) {
            #expect(point.nines < next.nines && point.latency <= next.latency)
        }
    }

    @Test("place each percentile on the axis of nines", arguments: [(0.0, 0.0), (90, 1), (99, 2), (99.9, 3), (99.999, 5)])
    func nines(percentage: Double, nines: Double) {
        #expect(abs(PercentileAxis(percentage: percentage).value - nines) < 1e-9)
        #expect(abs(PercentileAxis(nines).percentage - percentage) < 1e-9)
    }
}
