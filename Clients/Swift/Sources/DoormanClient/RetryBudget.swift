internal import DoormanCore

/// How many calls may be sent again: a part of all calls, and a few a second besides. Pure.
///
/// Without it, every failure would be asked about twice just when servers have the least to spare. Like Finagle's `RetryBudget`.
struct RetryBudget: Equatable {
    private let ratio: Double
    private let perSecond: Double
    private let capacity: Double
    private var balance: Double
    private var countedUntil: Instant?

    /// Savings of ten seconds of the steady part, and what a thousand calls bring.
    init(ratio: Double, perSecond: Double) {
        self.ratio = max(0, ratio)
        self.perSecond = max(0, perSecond)
        self.capacity = self.perSecond * 10 + self.ratio * 1000
        self.balance = self.perSecond * 10
    }

    /// A call was made.
    mutating func deposit() {
        balance = min(capacity, balance + ratio)
    }

    /// - Returns: Whether one more call may be sent again, which it then counts as.
    mutating func withdraw(at now: Instant) -> Bool {
        if let countedUntil {
            balance = min(capacity, balance + perSecond * (countedUntil.duration(to: now) / .seconds(1)))
        }
        countedUntil = now
        guard balance >= 1 else { return false }
        balance -= 1
        return true
    }
}
