internal import DoormanCore
internal import DoormanSupport
internal import NIOCore

/// Finds the calls that are due for a hedge, and limits the ratio of hedged calls. Pure, apart from the state of the calls themselves.
struct Hedging {
    private let delay: Duration?
    private let ratio: Double
    private var balance = 1.0
    private var order = CircularBuffer<(call: ClientCall, due: Instant)>()

    /// - Parameters:
    ///   - after: The time after which a call is hedged; `nil` for no hedging.
    ///   - ratio: The maximum ratio of hedged calls to all calls.
    init(after: Duration?, ratio: Double) {
        self.delay = after
        self.ratio = max(0, ratio)
    }

    /// The moment at which the next call is due; `nil` if no call waits.
    var next: Instant? { order.first?.due }

    /// Notes that a call was sent for the first time.
    mutating func sent(_ call: ClientCall, at now: Instant) {
        guard let delay, case .verify = call.operation else { return }
        // The unused balance is at most ten calls: enough for a slow second, and not for a slow minute.
        balance = min(10, balance + ratio)
        order.append((call, now.advanced(by: delay)))
        while let first = order.first, !first.call.isLive { order.removeFirst() }
    }

    /// Removes the next call that is due.
    mutating func nextDue(at now: Instant) -> ClientCall? {
        guard let first = order.first, first.due <= now else { return nil }
        order.removeFirst()
        return first.call
    }

    /// Takes one hedge from the balance.
    ///
    /// - Returns: Whether the balance allows the hedge.
    mutating func withdraw() -> Bool {
        guard balance >= 1 else { return false }
        balance -= 1
        return true
    }
}
