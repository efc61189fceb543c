/// A first-in, first-out queue in one array. Each operation takes amortized constant time.
///
/// SwiftNIO has `CircularBuffer`, but most modules that use this queue do not depend on SwiftNIO.
package struct FIFOQueue<Element> {
    /// The elements from ``head`` on. What was removed before it is `nil`.
    private var storage: [Element?]
    private var head = 0

    /// - Parameter elements: The oldest first. Default none.
    package init(_ elements: [Element] = []) {
        storage = elements
    }

    package var count: Int { storage.count - head }

    /// The oldest element; `nil` if the queue is empty.
    package var first: Element? { head < storage.count ? storage[head] : nil }

    /// The elements, the oldest first.
    package var elements: [Element] { storage[head...].compactMap { $0 } }

    package mutating func append(_ element: Element) {
        storage.append(element)
    }

    /// Removes the oldest element.
    ///
    /// - Returns: `nil` if the queue is empty.
    @discardableResult
    package mutating func popFirst() -> Element? {
        guard let element = first else { return nil }
        storage[head] = nil
        head += 1
        // Moves the rest once per half of the array.
        if head * 2 >= storage.count {
            storage.removeFirst(head)
            head = 0
        }
        return element
    }
}

extension FIFOQueue: Sendable where Element: Sendable {}
