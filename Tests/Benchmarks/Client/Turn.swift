internal import DoormanClient

/// When counting begins, and when calling ends.
struct Period: Sendable {
    let start: ContinuousClock.Instant
    let end: ContinuousClock.Instant

    init(warmUp: Duration, measured: Duration) {
        start = ContinuousClock.now.advanced(by: warmUp)
        end = start.advanced(by: measured)
    }
}

/// What one of the callers asks about, one after the other, and how many of its calls counted.
struct Turn: Sendable {
    private(set) var count = 0
    private let step: Int
    private let tokens: [Token]
    private let period: Period
    private var position: Int
    private var untilLook = 8

    init(number: Int, of callers: Int, tokens: [Token], period: Period) {
        self.step = callers
        self.tokens = tokens
        self.period = period
        self.position = number % tokens.count
    }

    /// The next token; nil at the end.
    mutating func next() -> Token? {
        // The clock is not free, so it is asked now and then.
        untilLook -= 1
        if untilLook == 0 {
            untilLook = 8
            let now = ContinuousClock.now
            if now < period.start { count = 0 }
            if now >= period.end { return nil }
        }
        count += 1
        position = (position + step) % tokens.count
        return tokens[position]
    }
}
