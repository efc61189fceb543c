/// A whole number and its unit, as people type them: `60s`, `128MiB`. Either may be empty.
package struct Quantity {
    /// Decimal digits of ASCII.
    package let number: Substring
    /// All that follows the number.
    package let unit: Substring

    package init(_ text: String) {
        let end = text.utf8.firstIndex { !$0.isASCIIDigit } ?? text.endIndex
        number = text[..<end]
        unit = text[end...]
    }
}
