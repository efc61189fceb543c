/// A binary heap of elements with deadlines, from which any element can be removed.
///
/// Inserting and removing take O(log n), and allocate only if the heap exceeds its largest size so far. A handle contains the
/// generation of its slot, so the handle of a removed element never affects another element.
package struct DeadlineHeap<Element> {
    /// Identifies an element while it is in the heap.
    package struct Handle: Hashable, Sendable {
        @usableFromInline let slot: UInt32
        @usableFromInline let generation: UInt32

        @inlinable
        init(slot: UInt32, generation: UInt32) {
            self.slot = slot
            self.generation = generation
        }
    }

    /// A deadline with its slot. The deadline is not in the slot, so that ordering touches only one array.
    @usableFromInline
    struct Entry {
        @usableFromInline let deadline: Deadline
        @usableFromInline let slot: UInt32

        @inlinable
        init(deadline: Deadline, slot: UInt32) {
            self.deadline = deadline
            self.slot = slot
        }
    }

    @usableFromInline
    struct Slot {
        @usableFromInline var element: Element?
        @usableFromInline var generation: UInt32 = 0
        /// The index in the heap.
        @usableFromInline var position = 0

        @inlinable
        init(element: Element) {
            self.element = element
        }
    }

    /// The heap: each deadline is no later than those of its two children.
    @usableFromInline var entries: [Entry] = []
    @usableFromInline var slots: [Slot] = []
    @usableFromInline var freeSlots: [UInt32] = []

    @inlinable
    package init() {}

    @inlinable
    package var count: Int { entries.count }

    @inlinable
    package var isEmpty: Bool { entries.isEmpty }

    /// The earliest deadline; `nil` if the heap is empty.
    @inlinable
    package var next: Deadline? { entries.first?.deadline }

    /// Adds an element.
    ///
    /// - Returns: The handle that ``remove(_:)`` takes.
    @inlinable
    package mutating func insert(_ element: Element, deadline: Deadline) -> Handle {
        let number: UInt32
        if let free = freeSlots.popLast() {
            number = free
            slots[Int(number)].element = element
        } else {
            number = UInt32(slots.count)
            slots.append(Slot(element: element))
        }
        entries.append(Entry(deadline: deadline, slot: number))
        slots[Int(number)].position = entries.count - 1
        siftUp(entries.count - 1)
        return Handle(slot: number, generation: slots[Int(number)].generation)
    }

    /// Removes an element.
    ///
    /// - Returns: The element; `nil` if it was removed before.
    @inlinable
    @discardableResult
    package mutating func remove(_ handle: Handle) -> Element? {
        let number = Int(handle.slot)
        guard number < slots.count, slots[number].generation == handle.generation else { return nil }
        return removeEntry(at: slots[number].position)
    }

    /// Removes the element with the earliest deadline, if that has passed.
    ///
    /// - Returns: The element; `nil` if no deadline has passed.
    @inlinable
    package mutating func popPassed(at now: Instant) -> Element? {
        guard let first = entries.first, first.deadline.hasPassed(at: now) else { return nil }
        return removeEntry(at: 0)
    }

    /// Removes all elements, and invalidates their handles.
    ///
    /// - Returns: The elements, in no particular order.
    @inlinable
    package mutating func removeAll() -> [Element] {
        var all: [Element] = []
        all.reserveCapacity(entries.count)
        while !entries.isEmpty {
            if let element = removeEntry(at: entries.count - 1) { all.append(element) }
        }
        return all
    }

    @inlinable
    mutating func removeEntry(at position: Int) -> Element? {
        let number = Int(entries[position].slot)
        let last = entries.removeLast()
        if position < entries.count {
            entries[position] = last
            slots[Int(last.slot)].position = position
            siftUp(position)
            siftDown(slots[Int(last.slot)].position)
        }
        slots[number].generation &+= 1
        freeSlots.append(UInt32(number))
        return slots[number].element.take()
    }

    @inlinable
    mutating func siftUp(_ start: Int) {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard entries[position].deadline < entries[parent].deadline else { return }
            exchange(position, parent)
            position = parent
        }
    }

    @inlinable
    mutating func siftDown(_ start: Int) {
        var position = start
        while true {
            let left = 2 * position + 1
            guard left < entries.count else { return }
            let right = left + 1
            let child = right < entries.count && entries[right].deadline < entries[left].deadline ? right : left
            guard entries[child].deadline < entries[position].deadline else { return }
            exchange(position, child)
            position = child
        }
    }

    @inlinable
    mutating func exchange(_ first: Int, _ second: Int) {
        entries.swapAt(first, second)
        slots[Int(entries[first].slot)].position = first
        slots[Int(entries[second].slot)].position = second
    }
}

extension DeadlineHeap.Entry: Sendable {}
extension DeadlineHeap.Slot: Sendable where Element: Sendable {}
extension DeadlineHeap: Sendable where Element: Sendable {}
