/// Validates account ids, app ids and the parts of phone numbers, which are ASCII digits.
///
/// Ids become parts of URL paths, so nothing else may pass as one.
package enum DecimalDigits {
    /// Whether a text consists of 1 to `limit` ASCII digits.
    package static func areAll(_ text: some StringProtocol, upTo limit: Int) -> Bool {
        (1...limit).contains(text.utf8.count) && text.utf8.allSatisfy(\.isASCIIDigit)
    }
}
