/// The slots that a call can be sent in, over all connections of a loop, first freed first: so calls go round.
struct FreeSlots: Sendable {
    struct Place: Sendable, Hashable {
        let connection: Int
        let slot: Int
    }

    private var ring: [Place]
    private var head = 0
    private(set) var count: Int

    /// All slots are free: the first of each connection, then the second of each.
    init(connections: Int, depth: Int) {
        ring = (0..<depth).flatMap { slot in (0..<connections).map { Place(connection: $0, slot: slot) } }
        count = ring.count
    }

    var first: Place? { count > 0 ? ring[head] : nil }

    mutating func removeFirst() {
        precondition(count > 0)
        head = head + 1 == ring.count ? 0 : head + 1
        count -= 1
    }

    mutating func append(_ place: Place) {
        precondition(count < ring.count)
        let end = head + count
        ring[end < ring.count ? end : end - ring.count] = place
        count += 1
    }
}
