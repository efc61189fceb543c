/// Elements with deadlines, in the order of these, from which any element can be removed.
///
/// The handle of a removed element never affects another element. Inserting and removing take O(log n).
package struct DeadlineHeap<Element> {
    private var order = DeadlineOrder()
    /// The elements, by their slots.
    private var elements: [Element?] = []

    package init() {}

    package var count: Int { order.count }

    package var isEmpty: Bool { order.isEmpty }

    /// The earliest deadline; `nil` if the heap is empty.
    package var next: Deadline? { order.next }

    /// Adds an element.
    ///
    /// - Returns: The handle that ``remove(_:)`` takes.
    package mutating func insert(_ element: Element, deadline: Deadline) -> DeadlineOrder.Handle {
        let (slot, handle) = order.insert(deadline)
        if slot == elements.count { elements.append(element) } else { elements[slot] = element }
        return handle
    }

    /// Removes an element.
    ///
    /// - Returns: The element; `nil` if it was removed before.
    @discardableResult
    package mutating func remove(_ handle: DeadlineOrder.Handle) -> Element? { take(order.remove(handle)) }

    /// Removes the element with the earliest deadline, if that has passed.
    ///
    /// - Returns: The element; `nil` if no deadline has passed.
    package mutating func popPassed(at now: Instant) -> Element? { take(order.popPassed(at: now)) }

    /// Removes all elements, and invalidates their handles.
    ///
    /// - Returns: The elements, in no particular order.
    package mutating func removeAll() -> [Element] {
        var all: [Element] = []
        all.reserveCapacity(order.count)
        while let element = take(order.popAny()) { all.append(element) }
        return all
    }

    private mutating func take(_ slot: Int?) -> Element? {
        guard let slot else { return nil }
        return elements[slot].take()
    }
}

extension DeadlineHeap: Sendable where Element: Sendable {}
