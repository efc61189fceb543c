internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// The calls in flight on one connection. Each has a slot, and its stream id leads back to the slot, so that a response is matched
/// without a search.
struct CallSlots: Sendable {
    /// The call that a response belongs to.
    enum Match: Hashable {
        case call(slot: Int, due: Instant)
        /// The call was given up before its response arrived.
        case givenUp
        /// No call was sent with this stream id.
        case none
    }

    private struct Slot {
        var due = Instant.distantFuture
        var sent = Instant.distantFuture
        var lastID: UInt32?
        var isInFlight = false
        /// Calls that were given up and may still get a response.
        var givenUp = 0
    }

    private var slots: [Slot]
    private(set) var inFlight = 0

    init(count: Int) {
        precondition(BenchSettings.possibleDepths.contains(count))
        slots = Array(repeating: Slot(), count: count)
    }

    /// Records that a call is sent.
    ///
    /// - Returns: The call's stream id. It is odd, and half of it modulo the number of slots is the slot.
    mutating func begin(_ slot: Int, due: Instant, now: Instant) -> StreamID {
        precondition(!slots[slot].isInFlight)
        let first = UInt32(2 * slot + 1)
        var id = first
        if let last = slots[slot].lastID {
            let (next, overflow) = last.addingReportingOverflow(UInt32(2 * slots.count))
            id = overflow ? first : next
        }
        slots[slot].lastID = id
        slots[slot].due = due
        slots[slot].sent = now
        slots[slot].isInFlight = true
        inFlight += 1
        return StreamID(id)
    }

    /// Matches a response to its call and frees the call's slot.
    mutating func end(_ id: StreamID) -> Match {
        guard id.isOdd else { return .none }
        let slot = Int(id.rawValue / 2) % slots.count
        if slots[slot].isInFlight, slots[slot].lastID == id.rawValue {
            free(slot)
            return .call(slot: slot, due: slots[slot].due)
        }
        guard slots[slot].givenUp > 0 else { return .none }
        slots[slot].givenUp -= 1
        return .givenUp
    }

    /// Gives up the calls that were sent at or before `moment`.
    mutating func giveUp(sentBy moment: Instant) -> [(slot: Int, due: Instant)] {
        guard inFlight > 0 else { return [] }
        let overdue = slots.indices.filter { slots[$0].isInFlight && slots[$0].sent <= moment }
        for slot in overdue {
            free(slot)
            slots[slot].givenUp += 1
        }
        return overdue.map { ($0, slots[$0].due) }
    }

    /// The time at which the oldest call in flight was sent; `nil` without calls in flight.
    var oldestSent: Instant? {
        guard inFlight > 0 else { return nil }
        return slots.lazy.filter(\.isInFlight).map(\.sent).min()
    }

    private mutating func free(_ slot: Int) {
        slots[slot].isInFlight = false
        inFlight -= 1
    }
}

/// The free slots of all connections of a loop. The slot that was freed first is used first, so that calls visit all connections.
struct FreeSlots: Sendable {
    struct Slot: Sendable, Hashable {
        let connection: Int
        let slot: Int
    }

    private var ring: [Slot]
    private var head = 0
    private(set) var count: Int

    /// Creates the queue with all slots free: first slot 0 of each connection, then slot 1 of each.
    init(connections: Int, depth: Int) {
        ring = (0..<depth).flatMap { slot in (0..<connections).map { Slot(connection: $0, slot: slot) } }
        count = ring.count
    }

    var first: Slot? { count > 0 ? ring[head] : nil }

    mutating func removeFirst() {
        precondition(count > 0)
        head = head + 1 == ring.count ? 0 : head + 1
        count -= 1
    }

    mutating func append(_ slot: Slot) {
        precondition(count < ring.count)
        let end = head + count
        ring[end < ring.count ? end : end - ring.count] = slot
        count += 1
    }
}
