/// A queue whose members may also leave from the middle. First come, first served; each operation takes constant time over the
/// long run.
struct WaitQueue<Element> {
    private var elements: [UInt64: Element] = [:]
    /// Tickets in the order they came, with those that have left still among them for a while.
    private var order: [UInt64] = []
    private var head = 0

    var count: Int { elements.count }

    /// - Parameter ticket: One that was never in this queue before.
    mutating func append(_ element: Element, ticket: UInt64) {
        elements[ticket] = element
        order.append(ticket)
    }

    func contains(_ ticket: UInt64) -> Bool {
        elements[ticket] != nil
    }

    mutating func popFirst() -> (ticket: UInt64, element: Element)? {
        while head < order.count {
            let ticket = order[head]
            head += 1
            if let element = elements.removeValue(forKey: ticket) {
                compact()
                return (ticket, element)
            }
        }
        compact()
        return nil
    }

    mutating func remove(ticket: UInt64) -> Element? {
        defer { compact() }
        return elements.removeValue(forKey: ticket)
    }

    /// How many tickets are kept, those that have left included.
    var keptTickets: Int { order.count }

    /// Drops those that have left once they are more than the rest.
    private mutating func compact() {
        guard order.count > 2 * elements.count + 64 else { return }
        order = order[head...].filter { elements[$0] != nil }
        head = 0
    }
}

extension WaitQueue: Sendable where Element: Sendable {}
