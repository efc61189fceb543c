/// Messages of the argument parser about a wrong command line.
package enum WrongUse {
    /// The longest message of the parser without texts of the command line has about 100 characters.
    private static let maximumLength = 240

    /// Returns the message on one line of bounded length, without the values that it repeats: they may be secrets in the wrong place.
    ///
    /// - Parameter text: The message, with texts of the command line in quotation marks.
    package static func message(_ text: String) -> String {
        let parts = text.split(separator: "'", omittingEmptySubsequences: false)
        var message = ""
        for (index, part) in parts.enumerated() {
            let isQuoted = !index.isMultiple(of: 2)
            if !isQuoted {
                message += part
            } else if part.hasPrefix("-") {
                // An option, with a value in some messages.
                message += EchoedText.nameOnly(String(part))
            } else {
                message += "a value"
            }
        }
        let line = message.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        let sentence = line.prefix(1).lowercased() + line.dropFirst()
        return sentence.count > maximumLength ? sentence.prefix(maximumLength) + "…" : sentence
    }
}
