/// A first-in, first-out queue that allows removal from the middle. Each operation takes amortized constant time.
struct WaitQueue<Element> {
    private var elements: [UInt64: Element] = [:]
    /// The tickets in order of arrival. Removed tickets stay until the next compaction.
    private var order: [UInt64] = []
    private var head = 0

    var count: Int { elements.count }

    /// - Parameter ticket: A number that this queue has never held before.
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

    /// The number of stored tickets, removed tickets included.
    var storedTickets: Int { order.count }

    /// Drops the removed tickets once they outnumber the present ones.
    private mutating func compact() {
        guard order.count > 2 * elements.count + 64 else { return }
        order = order[head...].filter { elements[$0] != nil }
        head = 0
    }
}

extension WaitQueue: Sendable where Element: Sendable {}
