/// Describes an unknown name and suggests the nearest known name.
enum UnknownName {
    /// Returns the message for an unknown name.
    ///
    /// - Parameter kind: The kind of name, such as `flag`.
    static func message(_ kind: String, _ name: String, among known: [String]) -> String {
        "unknown \(kind) \(name)" + (nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? "")
    }

    /// Returns the known name with the smallest Levenshtein distance. Returns `nil` for a name that is too long for a typing error: the
    /// comparison takes time in proportion to the product of both lengths.
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
