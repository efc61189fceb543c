internal import DoormanCore
internal import DoormanSupport

/// Writes metrics in the text format of Prometheus, version 0.0.4. See "Exposition formats" in Prometheus' documentation.
package enum MetricsText {
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    /// The upper bounds of a histogram's buckets in microseconds: powers of two from 8 µs to 16.777216 s. They are bounds of
    /// ``LatencyHistogram`` too, so no count is estimated.
    static let bucketBounds: [Int64] = (3...24).map { 1 << $0 }

    /// Returns the text of all metrics. Series of a metric are in the order of their labels, so that two scrapes can be compared.
    package static func write(_ figures: AdminFigures, metrics: [Metric] = MetricCatalogue.all) -> String {
        var text = ""
        for metric in metrics {
            let series = metric.series(figures).sorted { $0.labels.lexicographicallyPrecedes($1.labels) }
            guard !series.isEmpty else { continue }
            text += "# HELP \(metric.name) \(escapedHelp(metric.help))\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
            for series in series { write(series, of: metric, to: &text) }
        }
        return text
    }

    private static func write(_ series: Metric.Series, of metric: Metric, to text: inout String) {
        precondition(series.labels.count == metric.labels.count, "\(metric.name) has other labels")
        let labels = zip(metric.labels, series.labels).map { "\($0)=\"\(escapedLabel($1))\"" }
        switch series.value {
        case .count(let count): line(metric.name, labels, "\(count)", to: &text)
        case .number(let number): line(metric.name, labels, "\(number)", to: &text)
        case .latencies(let latencies): write(latencies, metric.name, labels, to: &text)
        case .ages(let ages): write(ages, metric.name, labels, to: &text)
        }
    }

    private static func write(_ ages: AgeHistogram, _ name: String, _ labels: [String], to text: inout String) {
        var count: UInt64 = 0
        for (bound, ages) in zip(AgeHistogram.bounds, ages.counts) {
            count &+= ages
            line(name + "_bucket", labels + ["le=\"\(bound)\""], "\(count)", to: &text)
        }
        count &+= ages.counts.last ?? 0
        line(name + "_bucket", labels + [#"le="+Inf""#], "\(count)", to: &text)
        line(name + "_sum", labels, seconds(microseconds: Int64(clamping: ages.nanoseconds / 1000)), to: &text)
        line(name + "_count", labels, "\(count)", to: &text)
    }

    private static func write(
        _ latencies: LatencyHistogram.Snapshot, _ name: String, _ labels: [String], to text: inout String
    ) {
        var (count, buckets) = (UInt64(0), latencies.buckets[...])
        for bound in bucketBounds {
            while let bucket = buckets.first, bucket.upperBound <= .microseconds(bound) {
                count &+= bucket.count
                buckets.removeFirst()
            }
            line(name + "_bucket", labels + ["le=\"\(seconds(microseconds: bound))\""], "\(count)", to: &text)
        }
        line(name + "_bucket", labels + [#"le="+Inf""#], "\(latencies.count)", to: &text)
        line(name + "_sum", labels, seconds(microseconds: latencies.sum.microsecondsRoundedDown), to: &text)
        line(name + "_count", labels, "\(latencies.count)", to: &text)
    }

    private static func line(_ name: String, _ labels: [String], _ value: String, to text: inout String) {
        text += name
        if !labels.isEmpty { text += "{" + labels.joined(separator: ",") + "}" }
        text += " " + value + "\n"
    }

    /// Formats microseconds as seconds without an exponent and without trailing zeros: `0.000008`.
    private static func seconds(microseconds: Int64) -> String {
        let (whole, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        guard fraction > 0 else { return "\(whole)" }
        var digits = String(1_000_000 + fraction).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(whole).\(digits)"
    }

    private static func escapedHelp(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    private static func escapedLabel(_ text: String) -> String { escapedHelp(text).replacing("\"", with: "\\\"") }
}
