/// A piece of HTML. A text that is interpolated is escaped, so no value can add markup.
///
/// ```swift
/// let cell: HTML = "<td>\(name)</td>"
/// ```
struct HTML: Sendable, Hashable, ExpressibleByStringInterpolation {
    let source: String

    init(stringLiteral value: StaticString) { source = value.description }

    init(stringInterpolation: StringInterpolation) { source = stringInterpolation.source }

    /// Creates HTML from pieces that are already HTML.
    init(_ pieces: [HTML], separator: HTML = "") {
        source = pieces.map(\.source).joined(separator: separator.source)
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var source = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            source.reserveCapacity(literalCapacity + 16 * interpolationCount)
        }

        /// Only a constant of the program is HTML as it is.
        mutating func appendLiteral(_ literal: StaticString) { source += literal.description }

        mutating func appendInterpolation(_ text: some StringProtocol) {
            for character in text.unicodeScalars {
                switch character {
                case "&": source += "&amp;"
                case "<": source += "&lt;"
                case ">": source += "&gt;"
                case "\"": source += "&quot;"
                case "'": source += "&#39;"
                default: source.unicodeScalars.append(character)
                }
            }
        }

        mutating func appendInterpolation(_ html: HTML) { source += html.source }

        mutating func appendInterpolation(_ number: Int) { source += "\(number)" }
    }
}

/// A table of a page. The first column names the row, and the last ones are mostly numbers.
struct HTMLTable {
    /// The heads of the columns, with those of numbers from this column on.
    var columns: [String]
    var numbersFrom: Int
    var rows: [[HTML]]
    /// What stands in place of a table without rows.
    var empty: HTML

    var html: HTML {
        guard !rows.isEmpty else { return "<p class=\"none\">\(empty)</p>" }
        let heads = HTML(columns.indices.map { "<th scope=\"col\"\(numberClass($0))>\(columns[$0])</th>" })
        let body = HTML(
            rows.map { row in
                "<tr>\(HTML(row.indices.map { "<td\(numberClass($0))>\(row[$0])</td>" }))</tr>\n"
            })
        return "<table><thead><tr>\(heads)</tr></thead><tbody>\n\(body)</tbody></table>"
    }

    private func numberClass(_ column: Int) -> HTML { column >= numbersFrom ? " class=\"number\"" : "" }
}
