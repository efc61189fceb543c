internal import DoormanCore
internal import DoormanSupport

/// How many calls may be sent again: so many as are a part of the calls of the last ten seconds, and a few a second besides. Pure.
///
/// Without it, every failure would be asked about twice just when servers have the least to spare. Like Finagle's `RetryBudget`.
struct RetryBudget: Equatable {
    /// What was done within a second.
    private struct Second: Equatable {
        var calls = 0
        var retries = 0
    }

    private let ratio: Double
    /// Of ten seconds.
    private let steadyPart: Double
    private var current = Second()
    private var currentEnd = Instant(nanoseconds: 0)
    /// The nine before the current one, the oldest first.
    private var past = [Second](repeating: Second(), count: 9)

    init(ratio: Double, perSecond: Double) {
        self.ratio = max(0, ratio)
        self.steadyPart = max(0, perSecond) * 10
    }

    /// A call was made.
    mutating func deposit(at now: Instant) {
        if now >= currentEnd { advance(to: now) }
        current.calls += 1
    }

    /// - Returns: Whether one more call may be sent again, which it then counts as.
    mutating func withdraw(at now: Instant) -> Bool {
        if now >= currentEnd { advance(to: now) }
        let calls = past.reduce(current.calls) { $0 + $1.calls }
        let retries = past.reduce(current.retries) { $0 + $1.retries }
        guard Double(retries + 1) <= ratio * Double(calls) + steadyPart else { return false }
        current.retries += 1
        return true
    }

    private mutating func advance(to now: Instant) {
        for _ in 0...past.count where now >= currentEnd {
            past.removeFirst()
            past.append(current)
            current = Second()
            currentEnd = currentEnd.advanced(by: .seconds(1))
        }
        // Ten seconds without a call: nothing is left of those before.
        if now >= currentEnd { currentEnd = now.advanced(by: .seconds(1)) }
    }
}
