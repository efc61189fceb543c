internal import DoormanSupport

/// A plot of latency by percentile in the style of HdrHistogram. Each nine (90 %, 99 %, 99.9 %) has the same width, so that the
/// slowest calls are visible. The format is SVG 1.1 with a style sheet for light and dark.
package struct LatencyPlot: Sendable {
    private let title: String
    private let subtitle: String
    private let latency: LatencySummary
    private let axis: LatencyAxis
    private let nines: PercentileAxis

    // In SVG's user units.
    private static let (width, height) = (960.0, 540.0)
    private static let (left, right, top, bottom) = (84.0, 928.0, 92.0, 462.0)

    package init(title: String, subtitle: String, latency: LatencySummary) {
        self.title = title
        self.subtitle = subtitle
        self.latency = latency
        axis = LatencyAxis(reaching: latency.max)
        // The axis spans at least one nine, because very few calls make no curve.
        nines = max(PercentileAxis(1), PercentileAxis(ofLastAmong: latency.count))
    }

    package var svg: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(Self.width)) \(Self.number(Self.height))" \
        width="\(Self.number(Self.width))" height="\(Self.number(Self.height))" role="img">
        <title>\(Self.escaped("\(title): \(subtitle)"))</title>
        <style>\(Self.style)</style>
        <rect class="paper" width="100%" height="100%"/>
        \(Self.text(title, x: Self.left, y: 38, "title"))
        \(Self.text(subtitle, x: Self.left, y: 62, "note"))
        \(rows.joined(separator: "\n"))
        \(columns.joined(separator: "\n"))
        <polygon class="area" points="\(area)"/>
        <polyline class="curve" points="\(curve.joined(separator: " "))"/>
        \(marks.joined(separator: "\n"))
        </svg>

        """
    }

    // Colours have the same contrast on both backgrounds. Viewers without media queries use light.
    private static let style = """
        text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2328}\
        .paper{fill:#ffffff}.title{font-size:20px;font-weight:600}.note{fill:#59636e}\
        .line{stroke:#d1d9e0;stroke-width:1}.base{stroke:#59636e;stroke-width:1}\
        .curve{fill:none;stroke:#0969da;stroke-width:2.5;stroke-linejoin:round}.area{fill:#0969da;fill-opacity:.1}\
        .dot{fill:#0969da}.mark{font-weight:600;paint-order:stroke;stroke:#ffffff;stroke-width:4px;stroke-linejoin:round}
        @media (prefers-color-scheme:dark){text{fill:#f0f6fc}.paper{fill:#0d1117}.note{fill:#9198a1}.line{stroke:#3d444d}\
        .base{stroke:#9198a1}.curve{stroke:#4493f8}.area{fill:#4493f8}.dot{fill:#4493f8}.mark{stroke:#0d1117}}
        """

    // MARK: - Parts

    private var rows: [String] {
        axis.ticks.map { tick in
            let y = Self.bottom - tick.value / (axis.ticks.last?.value ?? 1) * (Self.bottom - Self.top)
            let label = Self.text("\(tick.label) \(axis.unit.symbol)", x: Self.left - 10, y: y + 4.5, "note", anchor: "end")
            return Self.line(Self.left, y, Self.right, y, tick.value == 0 ? "base" : "line") + label
        }
    }

    private var columns: [String] {
        let labels = ["0 %", "90 %"] + (0..<8).map { "99" + ($0 == 0 ? "" : "." + String(repeating: "9", count: $0)) + " %" }
        let columns = labels.enumerated().filter { Double($0.offset) <= nines.value }.map { nine, label in
            let x = x(PercentileAxis(Double(nine)))
            return Self.line(x, Self.top, x, Self.bottom, "line")
                + Self.text(label, x: x, y: Self.bottom + 22, "note", anchor: "middle")
        }
        let caption = Self.text(
            "Percentage of calls that took this long or less", x: (Self.left + Self.right) / 2, y: Self.bottom + 52, "note",
            anchor: "middle")
        return columns + [caption]
    }

    private var curve: [String] { latency.curve.map { point(x($0.nines), y($0.latency)) } }

    private var area: String {
        let end = latency.curve.last.map { x($0.nines) } ?? Self.left
        return ([point(Self.left, Self.bottom)] + curve + [point(end, Self.bottom)]).joined(separator: " ")
    }

    /// The labels of the maximum and of each percentile that is far enough from it to stay readable.
    private var marks: [String] {
        let last = PercentileAxis(ofLastAmong: latency.count)
        let marked = latency.percentiles.map {
            (PercentileAxis(percentage: $0.percentile.rawValue), $0.percentile.name, $0.latency)
        }
        .filter { last.value - $0.0.value >= 0.5 }
        return (marked + [(last, "max", latency.max)]).map { nines, name, latency in
            let (x, y) = (x(nines), y(latency))
            // A rising curve leaves space above and to the left. At the axis there is space below instead.
            let isAtAxis = x - Self.left < 100
            let isBelow = isAtAxis && Self.bottom - y > 28
            return #"<circle class="dot" cx="\#(Self.number(x))" cy="\#(Self.number(y))" r="4"/>"#
                + Self.text(
                    "\(name) \(DurationText.latency(latency))", x: isAtAxis ? x + 4 : x - 4, y: isBelow ? y + 20 : y - 12, "mark",
                    anchor: isAtAxis ? "start" : "end")
        }
    }

    // MARK: - Coordinates

    private func x(_ nines: PercentileAxis) -> Double {
        Self.left + nines.value / self.nines.value * (Self.right - Self.left)
    }

    private func y(_ latency: Duration) -> Double {
        Self.bottom - axis.height(latency) * (Self.bottom - Self.top)
    }

    private func point(_ x: Double, _ y: Double) -> String { "\(Self.number(x)),\(Self.number(y))" }

    // MARK: - SVG

    private static func number(_ value: Double) -> String { NumberText.decimal(value, digits: 1) }

    private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
        #"<line class="\#(style)" x1="\#(number(x1))" y1="\#(number(y1))" x2="\#(number(x2))" y2="\#(number(y2))"/>"#
    }

    private static func text(_ text: String, x: Double, y: Double, _ style: String, anchor: String = "start") -> String {
        #"<text class="\#(style)" x="\#(number(x))" y="\#(number(y))" text-anchor="\#(anchor)">\#(escaped(text))</text>"#
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
    }
}
