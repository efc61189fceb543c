internal import DoormanCore
internal import DoormanSupport
internal import NIOCore

/// Which call runs out of time next: a binary heap, so that one timer serves all calls.
///
/// An ended call is let go at once, and its memory serves the next one while it is still in the processor's cache. Its entry, a few bytes,
/// stays until it comes up or until such entries are the larger part; so does a cancelled call, of whose end nobody hears here.
struct Deadlines {
    /// Where a call is kept.
    struct Place: Equatable {
        fileprivate let number: UInt32
        /// How many calls were kept there before.
        fileprivate let round: UInt32
    }

    private struct Entry {
        let deadline: Deadline
        let place: Place
    }

    private var heap: [Entry] = []
    private var calls: [Call?] = []
    private var rounds: [UInt32] = []
    private var free: [UInt32] = []

    /// The entries that are kept, those of ended calls included.
    var count: Int { heap.count }

    mutating func insert(_ call: Call) {
        let place: Place
        if let number = free.popLast() {
            place = Place(number: number, round: rounds[Int(number)])
            calls[Int(number)] = call
        } else {
            place = Place(number: UInt32(calls.count), round: 0)
            calls.append(call)
            rounds.append(0)
        }
        call.place = place
        push(Entry(deadline: call.deadline, place: place))
    }

    /// The call has ended, if it is one of these.
    mutating func remove(_ call: Call) {
        if let place = call.place { take(place) }
    }

    /// Nil if the call that was there has ended.
    @discardableResult
    private mutating func take(_ place: Place) -> Call? {
        let number = Int(place.number)
        guard rounds[number] == place.round else { return nil }
        rounds[number] &+= 1
        free.append(place.number)
        return calls[number].take()
    }

    private mutating func push(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0, heap[child].deadline < heap[(child - 1) / 2].deadline {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out the calls whose deadline has passed, cancelled ones included.
    mutating func popPassed(at now: Instant) -> [Call] {
        var passed: [Call] = []
        while let first = heap.first, first.deadline.hasPassed(at: now) {
            if let call = take(popFirst().place) { passed.append(call) }
        }
        return passed
    }

    /// The earliest deadline, perhaps of a call that has ended.
    var next: Deadline? { heap.first?.deadline }

    /// Drops the entries of ended calls if they are the larger part.
    ///
    /// - Returns: Cancelled calls that were kept till now.
    mutating func compact(liveCount: Int) -> [Call] {
        guard heap.count > 2 * liveCount + 64 else { return [] }
        var cancelled: [Call] = []
        let all = heap
        heap.removeAll(keepingCapacity: true)
        for entry in all where rounds[Int(entry.place.number)] == entry.place.round {
            if calls[Int(entry.place.number)]?.isLive == true {
                push(entry)
            } else if let call = take(entry.place) {
                cancelled.append(call)
            }
        }
        return cancelled
    }

    /// Takes all of them out.
    mutating func removeAll() -> [Call] {
        let all = calls.compactMap(\.self)
        self = Deadlines()
        for call in all { call.place = nil }
        return all
    }

    private mutating func popFirst() -> Entry {
        heap.swapAt(0, heap.count - 1)
        let first = heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            guard least != parent else { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
