internal import NIOCore

/// The calls that wait for a connection or for their turn on it, first come first served.
///
/// A call that ends while it waits is left where it is, and stepped over; the list is written anew once half of it may be such,
/// so it stays within twice its members.
struct WaitingCalls {
    private var order = CircularBuffer<Call>()
    private var departed = 0

    /// How many wait; some of them perhaps not any more.
    var count: Int { order.count }
    var isEmpty: Bool { order.isEmpty }

    mutating func append(_ call: Call) {
        order.append(call)
    }

    /// Whether so many wait, not counting those that don't any more.
    mutating func isFull(limit: Int) -> Bool {
        guard order.count >= limit else { return false }
        if departed > 0 { dropDeparted() }
        return order.count >= limit
    }

    /// Puts calls that waited before at the head, in their order.
    mutating func putBack(_ calls: [Call]) {
        for call in calls.reversed() { order.prepend(call) }
    }

    /// The next that somebody waits for.
    mutating func popFirst() -> Call? {
        while let call = order.popFirst() {
            if call.isLive { return call }
        }
        departed = 0
        return nil
    }

    /// A call has lost its waiter; it may be one of these.
    mutating func oneDeparted() {
        departed += 1
        if departed > order.count / 2 + 32 { dropDeparted() }
    }

    private mutating func dropDeparted() {
        order = CircularBuffer(order.filter(\.isLive))
        departed = 0
    }
}
