extension String {
    /// Whether two texts are equal byte for byte.
    ///
    /// `==` would take canonically equivalent texts for equal. For a text with many combining marks, its time grows with the square of the length.
    package func isIdentical(to other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}
