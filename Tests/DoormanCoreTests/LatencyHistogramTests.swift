import DoormanCore
import Testing

@Suite("Latency histograms")
struct LatencyHistogramTests {
    private func snapshot(_ latencies: [Duration]) -> LatencyHistogram.Snapshot {
        var histogram = LatencyHistogram()
        for latency in latencies { histogram.record(latency) }
        return histogram.snapshot
    }

    @Test("a bucket's bound exceeds its latencies by an eighth at most")
    func bounds() throws {
        var number: Int64 = 1
        while number < 67_000_000 {
            for microseconds in [number - 1, number, number + 1] {
                let counts = snapshot([.microseconds(microseconds)])
                let bound = try #require(counts.buckets.first).upperBound
                #expect(bound >= .microseconds(microseconds))
                #expect(
                    bound <= max(.microseconds(microseconds + (microseconds == 0 ? 1 : 0)), .microseconds(microseconds) * 9 / 8),
                    "\(microseconds)")
            }
            number += max(1, number / 3)
        }
        let counts = snapshot([0, 1, 2, 8, 9, 17, 64, 72, 73, 128, 129].map { .microseconds($0) })
        #expect(counts.buckets.map(\.upperBound) == [1, 2, 8, 9, 18, 64, 72, 80, 128, 144].map { .microseconds($0) })
    }

    @Test("extreme latencies have a bucket")
    func extremes() {
        let counts = snapshot([.seconds(-1), .nanoseconds(1), .nanoseconds(64_001), .seconds(3600)])
        #expect(counts.buckets.map(\.upperBound) == [.microseconds(1), .microseconds(72), .microseconds(67_108_864)])
        #expect(counts.buckets.map(\.count) == [2, 1, 1])
        #expect(counts.sum == .seconds(3600) + .microseconds(66))
    }

    @Test("equal latencies are counted together")
    func several() {
        var histogram = LatencyHistogram()
        histogram.record(.microseconds(3), count: 64)
        histogram.record(.microseconds(3), count: 2)
        histogram.record(nanoseconds: 2_001, count: 3)
        histogram.record(nanoseconds: -1, count: 1)
        #expect(histogram.snapshot.buckets.map(\.count) == [1, 69])
        histogram = LatencyHistogram()
        histogram.record(.microseconds(3), count: 66)
        var other = LatencyHistogram()
        other.record(.microseconds(100), count: 1)
        #expect(histogram.snapshot.buckets == [.init(upperBound: .microseconds(3), count: 66)])
        let both = histogram.adding(other).snapshot
        #expect(both.count == 67 && both.sum == .microseconds(298))
    }

    @Test("percentiles are the bounds of buckets")
    func percentiles() {
        let counts = snapshot((1...100).map { .milliseconds($0) })
        #expect(counts.count == 100)
        #expect(counts.mean == .microseconds(50_500))
        for percent in [1, 50, 90, 99, 100] {
            let value = counts.percentile(Double(percent)) ?? .zero
            #expect(value >= .milliseconds(percent) && value <= .milliseconds(percent) * 9 / 8, "\(percent)")
        }
        #expect(LatencyHistogram.Snapshot().mean == nil && LatencyHistogram.Snapshot().percentile(50) == nil)
    }

    @Test("the difference of two snapshots contains the latencies between them")
    func since() {
        var histogram = LatencyHistogram()
        histogram.record(.milliseconds(1))
        let before = histogram.snapshot
        histogram.record(.milliseconds(1))
        histogram.record(.seconds(1))
        let between = histogram.snapshot.since(before)
        #expect(between.sum == .milliseconds(1001))
        #expect(between.buckets.map(\.count) == [1, 1])
        #expect(before.since(histogram.snapshot) == LatencyHistogram.Snapshot())
        let absurd = LatencyHistogram.Snapshot(
            sum: .microseconds(Int64.max),
            buckets: Array(repeating: .init(upperBound: .microseconds(Int64.max), count: .max), count: 3))
        #expect(absurd.count == .max && absurd.percentile(99) == .microseconds(Int64.max))
        #expect(absurd.since(absurd).count == 0)
    }
}
