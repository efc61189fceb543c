package import DoormanCore
package import DoormanSupport

/// A metric of `/metrics`: its description, and how its series follow from the figures. ``MetricCatalogue`` has all of them.
package struct Metric: Sendable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    /// A series of the metric.
    package struct Series: Sendable {
        /// The values of the metric's labels, in their order.
        package var labels: [String]
        package var value: Value

        package init(_ labels: [String] = [], _ value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    package enum Value: Sendable {
        case count(UInt64)
        case number(Double)
        /// Latencies, with the bounds of their buckets.
        case latencies(LatencyHistogram.Snapshot)
        /// Ages, with the bounds of their buckets.
        case ages(AgeHistogram)
    }

    package let name: String
    package let kind: Kind
    package let labels: [String]
    /// The meaning in one line.
    package let help: String
    /// Returns the series. None if the server has no such figure.
    package let series: @Sendable (AdminFigures) -> [Series]

    init(
        _ kind: Kind, _ name: String, _ labels: [String] = [], _ help: String,
        series: @escaping @Sendable (AdminFigures) -> [Series]
    ) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
        self.series = series
    }

    /// Creates a metric without labels.
    ///
    /// - Parameter value: Returns `nil` if the server has no such figure.
    init(_ kind: Kind, _ name: String, _ help: String, value: @escaping @Sendable (AdminFigures) -> Value?) {
        self.init(kind, name, [], help) { figures in value(figures).map { [Series([], $0)] } ?? [] }
    }

    /// Creates the metric of a counter of the statistics.
    init(_ name: String, _ counter: ServerStatistics.Name, _ help: String) {
        self.init(.counter, name, help) { .count($0.statistics.counters[counter] ?? 0) }
    }
}

extension Metric.Value {
    /// Zero or one, for a condition.
    static func condition(_ isTrue: Bool) -> Metric.Value { .count(isTrue ? 1 : 0) }

    static func seconds(_ duration: Duration) -> Metric.Value { .number(duration / .seconds(1)) }
}
