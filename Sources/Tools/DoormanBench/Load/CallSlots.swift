internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// The calls in flight on one connection: a slot each, which its stream ids lead back to, so that an answer is matched without a
/// search.
struct CallSlots: Sendable {
    /// What an answer is the answer to.
    enum Match: Hashable {
        case call(slot: Int, due: Instant)
        /// A call that was given up: the answer came too late.
        case givenUp
        /// No call that was made.
        case none
    }

    private struct Slot {
        var due = Instant.distantFuture
        var sent = Instant.distantFuture
        var lastID: UInt32?
        var isInFlight = false
        /// Calls that were given up and may still be answered.
        var givenUp = 0
    }

    private var slots: [Slot]
    private(set) var inFlight = 0

    init(count: Int) {
        precondition(BenchSettings.possibleDepths.contains(count))
        slots = Array(repeating: Slot(), count: count)
    }

    /// A call is sent.
    ///
    /// - Returns: Its stream id: odd, and its remainder by the number of slots is the slot.
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

    /// An answer came.
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

    /// Gives up the calls that were sent at a moment or before it.
    mutating func giveUp(sentBy moment: Instant) -> [(slot: Int, due: Instant)] {
        guard inFlight > 0 else { return [] }
        let overdue = slots.indices.filter { slots[$0].isInFlight && slots[$0].sent <= moment }
        for slot in overdue {
            free(slot)
            slots[slot].givenUp += 1
        }
        return overdue.map { ($0, slots[$0].due) }
    }

    /// When the oldest call in flight was sent.
    var oldestSent: Instant? {
        guard inFlight > 0 else { return nil }
        return slots.lazy.filter(\.isInFlight).map(\.sent).min()
    }

    private mutating func free(_ slot: Int) {
        slots[slot].isInFlight = false
        inFlight -= 1
    }
}

/// The slots that a call can be sent in, over all connections of a loop, first freed first: so calls go round.
struct FreeSlots: Sendable {
    struct Slot: Sendable, Hashable {
        let connection: Int
        let slot: Int
    }

    private var ring: [Slot]
    private var head = 0
    private(set) var count: Int

    /// All slots are free: the first of each connection, then the second of each.
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
