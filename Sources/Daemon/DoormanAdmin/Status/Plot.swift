internal import DoormanSupport

/// A small plot of the last minutes as SVG: a line, and the area below it. The newest value is at the right edge.
struct Plot {
    /// What the plot shows, for people who don't see it.
    var title: String
    /// The values, the oldest first. `nil` where there was none.
    var values: [Double?]
    /// The value at the top. `nil` for the highest value.
    var top: Double?

    private static let width = StatisticsHistory.maximumSamples
    private static let height = 60

    /// The highest value.
    var highest: Double { values.compactMap { $0 }.max() ?? 0 }

    var html: HTML {
        let lines = HTML(runs.filter { $0.count > 1 }.map(line))
        return """
            <svg class="plot" viewBox="0 0 \(Self.width) \(Self.height)" preserveAspectRatio="none" role="img" aria-label="\(title)">\
            \(lines)</svg>
            """
    }

    /// The values in a row without a gap, with their positions from the left.
    private var runs: [[(x: Int, value: Double)]] {
        let values = values.suffix(Self.width)
        let first = Self.width - values.count
        var runs: [[(x: Int, value: Double)]] = [[]]
        for (offset, value) in values.enumerated() {
            if let value {
                runs[runs.count - 1].append((first + offset, value))
            } else if runs.last?.isEmpty == false {
                runs.append([])
            }
        }
        return runs
    }

    private func line(_ run: [(x: Int, value: Double)]) -> HTML {
        let scale = top ?? highest
        let points = run.map { point in
            let part = scale > 0 ? min(1, max(0, point.value / scale)) : 0
            // A pixel above and below for the width of the line.
            return "\(point.x),\(NumberText.decimal(1 + (1 - part) * Double(Self.height - 2), digits: 1))"
        }
        let line = points.joined(separator: " ")
        let (first, last) = (run.first?.x ?? 0, run.last?.x ?? 0)
        return """
            <polygon points="\(first),\(Self.height) \(line) \(last),\(Self.height)"/>\
            <polyline points="\(line)" vector-effect="non-scaling-stroke"/>
            """
    }
}

/// A bar that shows which part of a limit is used.
struct Bar {
    /// From 0 to 1; `nil` for a limit of 0.
    var part: Double?

    /// The parts from which a bar looks like a warning, and like an alarm.
    private static let (warning, alarm) = (0.8, 0.95)

    var html: HTML {
        guard let part else { return "<span class=\"none\">off</span>" }
        let kind = part >= Self.alarm ? "bar bad" : part >= Self.warning ? "bar warn" : "bar"
        let width = NumberText.decimal(min(1, max(0, part)) * 100, digits: 1)
        return """
            <svg class="\(kind)" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">\
            <rect class="all" width="100" height="8"/><rect class="used" width="\(width)" height="8"/></svg>
            """
    }
}
