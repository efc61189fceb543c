/// Account ids, app ids and the parts of phone numbers are strings of ASCII digits: nothing else can be one, and nothing else
/// may become a part of a path.
package enum DecimalDigits {
    /// Whether the text is one digit or more, and at most `limit`.
    package static func areAll(_ text: some StringProtocol, upTo limit: Int) -> Bool {
        (1...limit).contains(text.utf8.count) && text.utf8.allSatisfy(\.isASCIIDigit)
    }
}
