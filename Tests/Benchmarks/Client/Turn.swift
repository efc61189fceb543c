internal import DoormanClient

/// The times at which counting begins and calls end.
struct Period: Sendable {
    let start: ContinuousClock.Instant
    let end: ContinuousClock.Instant

    init(warmUp: Duration, measured: Duration) {
        start = ContinuousClock.now.advanced(by: warmUp)
        end = start.advanced(by: measured)
    }
}

/// The sequence of a caller's tokens, and the number of its counted calls.
struct Turn: Sendable {
    private(set) var count = 0
    private let step: Int
    private let tokens: [Token]
    private let period: Period
    private var position: Int
    private var untilClockCheck = 8

    init(number: Int, of callers: Int, tokens: [Token], period: Period) {
        self.step = callers
        self.tokens = tokens
        self.period = period
        self.position = number % tokens.count
    }

    /// Returns the next token; `nil` at the end.
    mutating func next() -> Token? {
        // Reads the clock only every eighth time, because that has a cost.
        untilClockCheck -= 1
        if untilClockCheck == 0 {
            untilClockCheck = 8
            let now = ContinuousClock.now
            if now < period.start { count = 0 }
            if now >= period.end { return nil }
        }
        count += 1
        position = (position + step) % tokens.count
        return tokens[position]
    }
}
