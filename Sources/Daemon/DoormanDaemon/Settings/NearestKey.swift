/// The known key that an unknown one was most likely meant to be, by the fewest single-character edits (Levenshtein); nil for what
/// is longer than a slip of any: comparing takes time with the product of both lengths.
func nearest(to word: String, among known: some Sequence<String>) -> String? {
    guard word.utf8.count <= 256 else { return nil }
    return known.min { distance(word, $0) < distance(word, $1) }
}

private func distance(_ left: String, _ right: String) -> Int {
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
