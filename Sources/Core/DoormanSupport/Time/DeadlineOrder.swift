/// The order of deadlines, each in a numbered slot: a binary heap from which any deadline can be removed.
///
/// Not generic, since the compiler does not specialize generic code of another module of this package. ``DeadlineHeap`` stores elements, too.
///
/// Inserting and removing take O(log n), and allocate only if the heap exceeds its largest size so far.
package struct DeadlineOrder: Sendable {
    /// Identifies a deadline while it is in the order. Contains the generation of its slot, so the handle of a removed deadline never affects
    /// another one.
    package struct Handle: Hashable, Sendable {
        let slot: UInt32
        let generation: UInt32
    }

    /// A deadline with its slot. The deadline is not in the slot, so that ordering touches only one array.
    private struct Entry {
        let deadline: Deadline
        let slot: UInt32
    }

    private struct Slot {
        var generation: UInt32 = 0
        /// The index in the heap.
        var position: Int
    }

    /// The heap: each deadline is no later than those of its two children.
    private var entries: [Entry] = []
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []

    package init() {}

    package var count: Int { entries.count }

    package var isEmpty: Bool { entries.isEmpty }

    /// The earliest deadline; `nil` without a deadline.
    package var next: Deadline? { entries.first?.deadline }

    /// Adds a deadline.
    ///
    /// - Returns: Its slot, which is the number of slots for a new one, and the handle that ``remove(_:)`` takes.
    package mutating func insert(_ deadline: Deadline) -> (slot: Int, Handle) {
        let number: UInt32
        if let free = freeSlots.popLast() {
            number = free
            slots[Int(number)].position = entries.count
        } else {
            number = UInt32(slots.count)
            slots.append(Slot(position: entries.count))
        }
        entries.append(Entry(deadline: deadline, slot: number))
        siftUp(entries.count - 1)
        return (Int(number), Handle(slot: number, generation: slots[Int(number)].generation))
    }

    /// Removes a deadline.
    ///
    /// - Returns: Its slot; `nil` if it was removed before.
    package mutating func remove(_ handle: Handle) -> Int? {
        let number = Int(handle.slot)
        guard number < slots.count, slots[number].generation == handle.generation else { return nil }
        return removeEntry(at: slots[number].position)
    }

    /// Removes the earliest deadline, if it has passed.
    ///
    /// - Returns: Its slot; `nil` if no deadline has passed.
    package mutating func popPassed(at now: Instant) -> Int? {
        guard let first = entries.first, first.deadline.hasPassed(at: now) else { return nil }
        return removeEntry(at: 0)
    }

    /// Removes the deadline that costs least to remove.
    ///
    /// - Returns: Its slot; `nil` without a deadline.
    package mutating func popAny() -> Int? { entries.isEmpty ? nil : removeEntry(at: entries.count - 1) }

    private mutating func removeEntry(at position: Int) -> Int {
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
        return number
    }

    private mutating func siftUp(_ start: Int) {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard entries[position].deadline < entries[parent].deadline else { return }
            exchange(position, parent)
            position = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
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

    private mutating func exchange(_ first: Int, _ second: Int) {
        entries.swapAt(first, second)
        slots[Int(entries[first].slot)].position = first
        slots[Int(entries[second].slot)].position = second
    }
}
