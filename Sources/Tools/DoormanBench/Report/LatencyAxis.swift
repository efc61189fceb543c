internal import DoormanSupport

/// The vertical axis of a plot: from 0 to a round number above the longest latency, in one unit.
struct LatencyAxis: Hashable {
    struct Tick: Hashable {
        /// The value in the axis's unit.
        let value: Double
        let label: String
    }

    /// Approximate number of grid lines.
    private static let lines = 6.0

    let unit: LatencyUnit
    let ticks: [Tick]

    init(reaching longest: Duration) {
        unit = LatencyUnit(for: longest)
        let most = max(longest / .nanoseconds(unit.rawValue), 0.001)
        let step = Self.round(most / Self.lines)
        let digits = step.size < 0 ? -step.size : 0
        ticks = (0...Int((most / step.value).rounded(.up))).map { number in
            let value = Double(number) * step.value
            return Tick(value: value, label: NumberText.decimal(value, digits: digits))
        }
    }

    /// Returns the height of a latency on the axis, from 0 to 1.
    func height(_ latency: Duration) -> Double {
        let top = ticks.last?.value ?? 1
        return min(1, latency / .nanoseconds(unit.rawValue) / top)
    }

    /// Returns the smallest number of at least `step` that is 1, 2 or 5 times a power of ten.
    ///
    /// - Returns: The number, and the exponent of the power.
    private static func round(_ step: Double) -> (value: Double, size: Int) {
        var (power, size) = (1.0, 0)
        while power > step { (power, size) = (power / 10, size - 1) }
        while power * 10 <= step { (power, size) = (power * 10, size + 1) }
        for factor in [1.0, 2, 5] where factor * power >= step { return (factor * power, size) }
        return (10 * power, size + 1)
    }
}
