import DoormanBench
import Testing

@Suite("The latency plot")
struct LatencyPlotTests {
    private func svg(_ latencies: [Duration], title: String = "title") throws -> String {
        var histogram = BenchLatencyHistogram()
        for latency in latencies { histogram.record(latency) }
        return LatencyPlot(title: title, subtitle: "subtitle", latency: try #require(histogram.summary)).svg
    }

    @Test("has a line for each nine that has calls")
    func columns() throws {
        let svg = try svg((1...20_000).map { .microseconds($0) })
        for label in ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"] { #expect(svg.contains(">\(label)</text>"), "\(label)") }
        #expect(!svg.contains("99.999 %"))
    }

    @Test(
        "has an axis of round numbers above the longest latency",
        arguments: [
            (Duration.microseconds(430), [">0 µs<", ">100 µs<", ">500 µs<"]),
            (.microseconds(12_400), [">0 ms<", ">5 ms<", ">15 ms<"]),
            (.milliseconds(1100), [">0.0 s<", ">0.2 s<", ">1.2 s<"]), (.seconds(70), [">20 s<", ">80 s<"]),
        ])
    func axis(longest: Duration, labels: [String]) throws {
        let svg = try svg([.microseconds(1), longest])
        for label in labels { #expect(svg.contains(label), "\(label)") }
    }

    @Test("labels the percentiles that don't overlap the slowest call")
    func marks() throws {
        let svg = try svg((1...1000).map { .milliseconds($0) })
        for mark in ["p50 500 ms", "p90 900 ms", "p99 990 ms", "max 1.00 s"] { #expect(svg.contains(">\(mark)<"), "\(mark)") }
        #expect(!svg.contains("p99.9 "))
    }

    @Test(
        "can show very few calls", arguments: [[Duration.milliseconds(1)], [.zero], [.zero, .zero]])
    func few(latencies: [Duration]) throws {
        let svg = try svg(latencies)
        #expect(svg.contains("max "))
        #expect(!svg.contains("nan") && !svg.contains("inf"))
    }

    @Test("stays inside its frame")
    func frame() throws {
        let svg = try svg((1...3000).map { .microseconds($0 * $0) })
        #expect(svg.contains("prefers-color-scheme:dark"))
        let points = try #require(svg.firstMatch(of: /polyline class="curve" points="([^"]*)"/)).output.1.split(separator: " ")
        #expect(points.count > 100)
        for point in points {
            let numbers = try point.split(separator: ",").map { try #require(Double($0)) }
            #expect((84...928).contains(numbers[0]) && (92...462).contains(numbers[1]))
        }
    }

    @Test("escapes markup in its title")
    func escaping() throws {
        #expect(try svg([.seconds(1)], title: "<a> & b").contains("&lt;a&gt; &amp; b"))
    }
}
