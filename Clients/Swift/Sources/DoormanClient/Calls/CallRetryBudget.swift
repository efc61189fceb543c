internal import DoormanCore
internal import DoormanSupport

/// The retry budget: a percentage of the calls of the last ten seconds, and a fixed number of retries per second. Pure.
///
/// Without a budget, retries would double the load when servers can spare the least. Modelled on Finagle's `RetryBudget`.
struct CallRetryBudget: Equatable {
    /// The counts of one second.
    private struct Second: Equatable {
        var calls = 0
        var retries = 0
    }

    private let ratio: Double
    /// The retries in ten seconds that need no calls.
    private let steadyPart: Double
    private var current = Second()
    private var currentEnd = Instant(nanoseconds: 0)
    /// The nine seconds before the current one, the oldest first.
    private var past = [Second](repeating: Second(), count: 9)

    init(ratio: Double, perSecond: Double) {
        self.ratio = max(0, ratio)
        self.steadyPart = max(0, perSecond) * 10
    }

    /// Counts a call.
    mutating func deposit(at now: Instant) {
        if now >= currentEnd { advance(to: now) }
        current.calls += 1
    }

    /// Takes one retry from the budget.
    ///
    /// - Returns: Whether the budget allows the retry.
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
        // After ten seconds without a call, all counts are zero.
        if now >= currentEnd { currentEnd = now.advanced(by: .seconds(1)) }
    }
}
