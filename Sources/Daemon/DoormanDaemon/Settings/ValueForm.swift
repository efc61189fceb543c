/// The form of a setting's value in a settings file.
enum ValueForm: Sendable, Hashable {
    /// - Parameter pattern: The regular expression of values that are not empty; `nil` for any text.
    case text(pattern: String?)
    /// A decimal number that is a name. In YAML it needs no quotation marks.
    case id
    /// A path, or the word `none`. Never empty.
    case pathOrNone
    case words([String])
    case flag
    case count(ClosedRange<Int>)
    case bytes
    case duration
    /// A duration, or the word `auto`.
    case durationOrAuto
    case percentage
    /// Permissions of a file, in octal.
    case mode
    /// A list of texts. Its items are separate values, or one value with commas.
    case list
    /// A list of users, or the word `none`. Never empty.
    case users

    /// Whether an absent value is an error, because it would turn a protection off.
    var mustNotBeEmpty: Bool { self == .pathOrNone || self == .users }
}
