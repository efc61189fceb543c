/// Decides whether a stream gets colours. JSON never has colours.
///
/// A terminal has colours unless `TERM` is `dumb` or unset, or `NO_COLOR` is not empty (no-color.org).
struct Palette: Sendable, Equatable {
    /// The meaning of a coloured word.
    enum Meaning: Sendable, Equatable {
        case good
        case warning
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

    /// Returns the word in the colour of its meaning (ECMA-48, SGR) if colours are on. Terminal themes keep the basic colours legible.
    func paint(_ word: String, _ meaning: Meaning?) -> String {
        guard isColoured, let meaning else { return word }
        let colour =
            switch meaning {
            case .good: 32
            case .warning: 33
            case .bad: 31
            }
        return "\u{1b}[\(colour)m\(word)\u{1b}[0m"
    }
}
