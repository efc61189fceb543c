/// How far a long command is, on standard error: one line that is written anew where that is a terminal, else a line each time.
struct Progress {
    private let isShown: Bool
    private let isTerminal: Bool
    /// What the terminal shows at the moment.
    private var current = ""
    private var last: ContinuousClock.Instant?
    private var held: String?

    /// Between two lines of a log. A terminal is written to more often.
    private static let pause = Duration.seconds(1)
    private static let terminalPause = Duration.milliseconds(100)

    /// - Parameter isWanted: Whether it is to be shown on what is no terminal, too.
    init(isWanted: Bool, isTerminal: Bool = StandardStreams.errorIsTerminal) {
        self.isShown = isWanted || isTerminal
        self.isTerminal = isTerminal
    }

    /// Says how far it is, unless that was said just now.
    mutating func show(_ text: String, at now: ContinuousClock.Instant = .now) {
        guard isShown else { return }
        held = text
        if let last, last.duration(to: now) < (isTerminal ? Self.terminalPause : Self.pause) { return }
        last = now
        writeHeld()
    }

    /// Makes room on the terminal for a line of output, which may go to the same.
    mutating func clear() {
        guard isTerminal, !current.isEmpty else { return }
        // Back to the line's beginning, and nothing behind it (ECMA-48, EL).
        StandardStreams.write("\r\u{1b}[K", to: .error)
        held = held ?? current
        current = ""
    }

    /// Says what was held back, and ends the line.
    mutating func end() {
        writeHeld()
        if isTerminal, !current.isEmpty { StandardStreams.write("\n", to: .error) }
        current = ""
    }

    private mutating func writeHeld() {
        guard let text = held else { return }
        held = nil
        clear()
        StandardStreams.write(isTerminal ? text : "doorman: \(text)\n", to: .error)
        if isTerminal { current = text }
        held = nil
    }
}
