/// A name that is not known, and the known name that was most likely meant.
enum UnknownName {
    /// - Parameter kind: The kind of name, such as `flag`.
    static func message(_ kind: String, _ name: String, among known: [String]) -> String {
        "unknown \(kind) \(name)" + (nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? "")
    }

    /// Returns the known name with the fewest single-character edits (Levenshtein). Returns `nil` for a name that is too long for a
    /// slip: comparing takes time with the product of both lengths.
    private static func nearest(to name: String, among known: [String]) -> String? {
        guard name.utf8.count <= 256 else { return nil }
        return known.min { distance(name, $0) < distance(name, $1) }
    }

    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let substitution = diagonal + (character == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substitution, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
