/// Rows of text in columns that are as wide as they need to be.
enum TextTable {
    /// Nil if there are no rows.
    ///
    /// - Parameter numbersFrom: The first of the columns that are aligned to the right.
    static func text(_ header: [String], _ rows: [[String]], numbersFrom: Int) -> String? {
        guard !rows.isEmpty else { return nil }
        let rows = ([header] + rows).map { $0.map(\.printable) }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.indices.map { column in
                let gap = String(repeating: " ", count: widths[column] - row[column].count)
                return column < numbersFrom ? row[column] + gap : gap + row[column]
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}
