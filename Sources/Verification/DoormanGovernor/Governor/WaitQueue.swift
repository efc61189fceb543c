internal import DoormanCore
package import DoormanSupport

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

/// Leave to make one call to the provider. Whoever has one gives it back by ``Governor/finish(_:_:)``, once.
package struct Permit: Sendable, Hashable {
    /// When it was given.
    package let began: Instant
    /// The breaker's at that time.
    let epoch: UInt64
}

/// What a call told about the provider.
package enum CallResult: Sendable, Hashable {
    /// It is well, whatever it said of the question.
    case answered
    /// It throttles us.
    case throttled(retryAfter: Duration?)
    /// It is down, or as good as down.
    case failed
    /// The call ended for a reason that is not the provider's.
    case toldNothing
}

/// For what a call is made. Where both wait they are served in turn, so that neither can starve the other: a flood of unknown
/// tokens can't keep known ones from being refreshed in time.
package enum CallPurpose: Sendable, Hashable {
    /// Somebody waits for the answer.
    case demand
    /// To refresh what is known before its time is up.
    case refresh
}
