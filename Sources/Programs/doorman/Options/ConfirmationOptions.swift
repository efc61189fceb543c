internal import ArgumentParser

/// The options of a command that cannot be undone.
struct ConfirmationOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Do not ask. Needed if standard input is not a terminal.")
    var yes = false

    @Flag(help: "Show what would happen, and call no server.")
    var dryRun = false

    /// Asks on a terminal before the command begins.
    ///
    /// - Parameter question: The question, which names what will be lost.
    /// - Throws: `ValidationError` unless the user confirms, or `--yes` or `--dry-run` is set.
    func require(_ question: String) throws(ValidationError) {
        guard !yes && !dryRun else { return }
        guard StandardStreams.inputIsTerminal else {
            throw ValidationError("this cannot be undone: give --yes to confirm, or --dry-run to see what would happen")
        }
        StandardStreams.writeError("\(question.printable) [y/N] ")
        var reader = LineReader()
        guard case .line(let answer, _) = reader.next(), ["y", "yes"].contains(answer.lowercased()) else {
            throw ValidationError("not confirmed: nothing has changed")
        }
    }
}
