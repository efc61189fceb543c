/// Messages of the argument parser about a wrong command line.
package enum WrongUse {
    /// The longest message of the parser without texts of the command line has about 100 characters.
    private static let maximumLength = 240

    /// Returns the parser's message on one line of bounded length, without the values that it repeats: they may be secrets in the wrong
    /// place.
    ///
    /// The parser marks values with apostrophes. The arguments are parsed again without their own apostrophes, so that a value cannot
    /// pretend to end.
    ///
    /// - Parameters:
    ///   - arguments: The wrong command line, without the program's name.
    ///   - parse: Parses arguments and returns the message of the parser's error; `nil` if they are correct.
    package static func message(about arguments: [String], parse: ([String]) -> String?) -> String {
        let unmarked = arguments.map { argument in String(argument.map { $0 == mark ? "\u{2019}" : $0 }) }
        return parse(unmarked).map(withoutValues) ?? "the command line is invalid"
    }

    private static let mark: Character = "'"

    /// Returns the message without values.
    ///
    /// - Parameter text: The message, with texts of the command line between apostrophes that contain none.
    static func withoutValues(_ text: String) -> String {
        var message = ""
        for (index, part) in text.split(separator: mark, omittingEmptySubsequences: false).enumerated() {
            if index.isMultiple(of: 2) || isDefined(after: message) {
                message += part
            } else if part.hasPrefix("-") {
                message += EchoedText.flag(String(part))
            } else {
                message += "…"
            }
        }
        let line = message.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        let sentence = line.prefix(1).lowercased() + line.dropFirst()
        return sentence.count > maximumLength ? sentence.prefix(maximumLength) + "…" : sentence
    }

    /// Returns whether the next quotation of a message is from the program's own definitions: the option or argument that a value is missing
    /// or wrong for, and the values that it can have.
    private static func isDefined(after message: String) -> Bool {
        message.hasPrefix("Missing ") || message.hasSuffix(" is invalid for ") || message.contains("Please provide one of ")
    }
}
