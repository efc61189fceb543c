/// Compares names that people may mistype.
package enum EditDistance {
    /// Returns the Damerau-Levenshtein distance in its restricted form: the number of insertions, deletions, replacements and swaps of
    /// neighbours that turn one text into the other, by bytes of UTF-8.
    ///
    /// The time is proportional to the product of the lengths, so the caller bounds them.
    package static func between(_ first: some StringProtocol, _ second: some StringProtocol) -> Int {
        let (first, second) = (Array(first.utf8), Array(second.utf8))
        var rows = [Array(0...second.count)]
        for (i, byte) in first.enumerated() {
            var row = [i + 1]
            for (j, other) in second.enumerated() {
                var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (byte == other ? 0 : 1))
                if i > 0, j > 0, byte == second[j - 1], first[i - 1] == other { best = min(best, rows[i - 1][j - 1] + 1) }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[first.count][second.count]
    }
}
