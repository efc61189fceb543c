/// Which stream may be coloured: the one place that decides it. JSON never is, wherever it goes.
///
/// A terminal is, unless `TERM` says that it can't (`dumb`, or nothing), or `NO_COLOR` is set to anything (no-color.org).
struct Palette: Sendable, Equatable {
    /// What a word means to whoever reads it.
    enum Meaning: Sendable, Equatable {
        case good
        case doubtful
        case bad
    }

    let isColoured: Bool

    static let plain = Palette(isColoured: false)
    static var output: Palette { Palette(isTerminal: StandardStreams.outputIsTerminal) }
    static var error: Palette { Palette(isTerminal: StandardStreams.errorIsTerminal) }

    init(isColoured: Bool) {
        self.isColoured = isColoured
    }

    init(isTerminal: Bool, _ environment: (String) -> String? = StandardStreams.environment) {
        let forbids = environment("NO_COLOR").map { !$0.isEmpty } ?? false
        let terminal = environment("TERM") ?? ""
        isColoured = isTerminal && !forbids && !terminal.isEmpty && terminal != "dumb"
    }

    /// The word in the colour of its meaning (ECMA-48, SGR), or as it is. The sixteen basic colours are legible on light and dark.
    func paint(_ word: String, _ meaning: Meaning?) -> String {
        guard isColoured, let meaning else { return word }
        let colour =
            switch meaning {
            case .good: 32
            case .doubtful: 33
            case .bad: 31
            }
        return "\u{1b}[\(colour)m\(word)\u{1b}[0m"
    }
}
