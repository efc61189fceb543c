/// Shows the progress of a long command on standard error. On a terminal it rewrites one line; elsewhere it writes a line each time.
struct Progress {
    private let isShown: Bool
    private let isTerminal: Bool
    /// The text on the terminal.
    private var current = ""
    private var last: ContinuousClock.Instant?
    /// The latest text that is not written yet.
    private var held: String?

    /// The minimum time between two lines of a log.
    private static let pause = Duration.seconds(1)
    /// The minimum time between two texts on a terminal.
    private static let terminalPause = Duration.milliseconds(100)

    /// - Parameters:
    ///   - isWanted: Whether to show progress even if standard error is not a terminal.
    ///   - isTerminal: Whether standard error is a terminal.
    init(isWanted: Bool, isTerminal: Bool = StandardStreams.errorIsTerminal) {
        self.isShown = isWanted || isTerminal
        self.isTerminal = isTerminal
    }

    /// Shows a text. If the last text is too recent, holds the text back.
    mutating func show(_ text: String, at now: ContinuousClock.Instant = .now) {
        guard isShown else { return }
        held = text
        if let last, last.duration(to: now) < (isTerminal ? Self.terminalPause : Self.pause) { return }
        last = now
        writeHeld()
    }

    /// Clears the line, so that output can go to the same terminal.
    mutating func clear() {
        guard isTerminal, !current.isEmpty else { return }
        // Returns to the start of the line and erases the rest (ECMA-48, EL).
        StandardStreams.writeError("\r\u{1b}[K")
        held = held ?? current
        current = ""
    }

    /// Writes a text that was held back, and ends the line.
    mutating func end() {
        writeHeld()
        if isTerminal, !current.isEmpty { StandardStreams.writeError("\n") }
        current = ""
    }

    private mutating func writeHeld() {
        guard let text = held else { return }
        clear()
        StandardStreams.writeError(isTerminal ? text : "doorman: \(text)\n")
        if isTerminal { current = text }
        held = nil
    }
}
