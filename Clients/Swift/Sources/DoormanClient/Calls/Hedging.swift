internal import DoormanCore
internal import DoormanSupport
internal import NIOCore

/// Which calls have waited so long that a second server is asked as well, and how many may be. Pure but for the calls' own state.
struct Hedging {
    private let delay: Duration?
    private let ratio: Double
    private var balance = 1.0
    private var order = CircularBuffer<(call: ClientCall, due: Instant)>()

    /// - Parameters:
    ///   - after: How long a call waits alone; nil: for ever.
    ///   - ratio: The largest part of calls that are hedged.
    init(after: Duration?, ratio: Double) {
        self.delay = after
        self.ratio = max(0, ratio)
    }

    /// When the next call may have waited long enough.
    var next: Instant? { order.first?.due }

    /// A call was sent for the first time.
    mutating func sent(_ call: ClientCall, at now: Instant) {
        guard let delay, case .verify = call.operation else { return }
        // What was not used is kept up to ten calls, so that a slow second can be bridged, and a slow minute can't.
        balance = min(10, balance + ratio)
        order.append((call, now.advanced(by: delay)))
        while let first = order.first, !first.call.isLive { order.removeFirst() }
    }

    /// The next call that has waited long enough.
    mutating func nextDue(at now: Instant) -> ClientCall? {
        guard let first = order.first, first.due <= now else { return nil }
        order.removeFirst()
        return first.call
    }

    /// - Returns: Whether one more call may be hedged, which it then counts as.
    mutating func withdraw() -> Bool {
        guard balance >= 1 else { return false }
        balance -= 1
        return true
    }
}
