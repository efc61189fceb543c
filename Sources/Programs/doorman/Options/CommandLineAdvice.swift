internal import ArgumentParser
internal import DoormanSupport

/// Finds the command or option that a user probably meant.
struct CommandLineAdvice {
    let arguments: [String]

    /// The words of the command that the arguments name, such as `doorman accounts list`.
    var command: String { path.words.joined(separator: " ") }

    /// The arguments, `--json` or a group of short flags with it among them.
    var wantsJSON: Bool {
        arguments.prefix { $0 != "--" }.contains { argument in
            if argument == "--json" { return true }
            return argument.first == "-" && argument.dropFirst().allSatisfy { "jvyh".contains($0) } && argument.contains("j")
        }
    }

    /// Returns the error for a word that is not a command; `nil` if every word in the place of a command is known.
    var unknownCommand: ValidationError? {
        let (words, rest, type) = path
        guard let word = rest.first, !word.hasPrefix("-"), !type.configuration.subcommands.isEmpty, word != "help" else {
            return nil
        }
        let names = type.configuration.subcommands.map { $0._commandName }
        let near = Self.synonyms[word].map { ["doorman"] + $0 } ?? Self.nearest(word, among: names).map { words + [$0] }
        // A word that is near no command may be a token.
        guard let near else { return ValidationError("unknown command of '\(words.joined(separator: " "))'") }
        return ValidationError("'\(word)' is not a command: did you mean '\(near.joined(separator: " "))'?")
    }

    /// Replaces the parser's advice about an unknown option by ours, if other programs have an option of that name.
    ///
    /// - Parameter message: The message as ``WrongUse`` shows it.
    func withSynonym(_ message: String) -> String {
        let start = "unknown option -"
        guard message.hasPrefix(start) else { return message }
        guard path.words.count > 1 else {
            return "options follow the command, as in 'doorman verify --address \(Self.exampleAddress)'"
        }
        let name = message.dropFirst(start.count).prefix { !$0.isWhitespace && $0 != "." }.drop { $0 == "-" }
        guard let advice = Self.optionSynonyms[String(name)] else { return message }
        return "\(start)\(message.hasPrefix(start + "-") ? "-" : "")\(name). \(advice)"
    }

    private static let exampleAddress = "doorman.internal"

    /// The command that the first arguments name, and the arguments after it.
    private var path: (words: [String], rest: ArraySlice<String>, type: any ParsableCommand.Type) {
        var type: any ParsableCommand.Type = DoormanCommand.self
        var words = ["doorman"]
        var rest = arguments[...]
        while let word = rest.first, let next = type.configuration.subcommands.first(where: { $0._commandName == word }) {
            type = next
            words.append(word)
            rest = rest.dropFirst()
        }
        return (words, rest, type)
    }

    /// The words that other programs use for our commands.
    private static let synonyms: [String: [String]] = [
        "login": ["dev", "login"], "emulator": ["dev"], "start": ["dev"], "demo": ["dev"],
        "ping": ["health"], "status": ["health"], "ready": ["health"], "check": ["health"],
        "logout": ["revoke"], "invalidate": ["revoke"],
        "introspect": ["verify"], "validate": ["verify"], "whoami": ["verify"], "token": ["verify"],
        "statistics": ["stats"], "metrics": ["stats"], "top": ["stats", "--watch"], "watch": ["stats", "--watch"],
        "list": ["accounts", "list"], "delete": ["accounts", "delete"], "users": ["accounts"],
        "benchmark": ["bench"], "load": ["bench"], "completions": ["completion"],
    ]

    private static let optionSynonyms: [String: String] = {
        let address = "Did you mean '--address'?"
        let json = "Did you mean '--json'?"
        let token = "Pipe the token into standard input, or give '--token-file'."
        let insecure = "The server's certificate is always checked: give its authority with '--ca-file'."
        return [
            "host": address, "server": address, "url": address, "port": address, "endpoint": address, "h": address, "p": address,
            "output": json, "format": json, "o": json,
            "token": token, "code": "Pipe the code into standard input, or give '--code-file'.",
            "insecure": insecure, "k": insecure, "insecure-skip-verify": insecure,
            "force": "Did you mean '--yes'?", "f": "Did you mean '--yes'?",
        ]
    }()

    /// Returns the name that is at most two typing errors away, or `nil`.
    static func nearest(_ word: String, among names: [String]) -> String? {
        // No command is so long, and the time grows with the product of the lengths.
        guard word.utf8.count <= 32 else { return nil }
        let distances = names.map { (name: $0, distance: EditDistance.between(word, $0)) }
        guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= 2, best.distance < word.count - 1 else {
            return names.first { $0.hasPrefix(word) && word.count > 1 }
        }
        return best.name
    }
}
