/// Validates account ids, app ids and the parts of phone numbers, which are ASCII digits.
///
/// Ids become parts of URL paths, so nothing else may pass as one.
package enum DecimalDigits {
    /// Whether a text consists of 1 to `limit` ASCII digits.
    package static func areAll(_ text: some StringProtocol, upTo limit: Int) -> Bool {
        (1...limit).contains(text.utf8.count) && text.utf8.allSatisfy(\.isASCIIDigit)
    }

    /// Whether a text is an id: 1 to `limit` ASCII digits, of which the first is not zero. With leading zeros, an id would have
    /// several spellings: `007` would be another key than `7` here, and the same account at the provider.
    package static func areID(_ text: some StringProtocol, upTo limit: Int) -> Bool {
        areAll(text, upTo: limit) && text.utf8.first != UInt8(ascii: "0")
    }
}
