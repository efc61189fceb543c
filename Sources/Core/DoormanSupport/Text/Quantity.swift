/// A text split into a whole number and its unit, for example `60s` or `128MiB`. Either part may be empty.
package struct Quantity {
    /// The leading ASCII digits.
    package let number: Substring
    /// The text after the number.
    package let unit: Substring

    package init(_ text: String) {
        let end = text.utf8.firstIndex { !$0.isASCIIDigit } ?? text.endIndex
        number = text[..<end]
        unit = text[end...]
    }
}
