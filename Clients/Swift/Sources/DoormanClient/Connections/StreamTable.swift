internal import DoormanWire

/// The values of a connection's streams: a hash table with open addressing in one flat array.
///
/// No peer chooses the IDs, so one multiplication is a sufficient hash. It spreads consecutive IDs, so that a block of calls without
/// responses does not slow down later calls. At most half of the cells are taken. A removal moves later entries up, so that no tombstones
/// are needed.
struct StreamTable<Value> {
    private var cells: [(id: StreamID, value: Value)?] = Array(repeating: nil, count: 16)
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// All entries, in the order of their IDs.
    var all: [(id: StreamID, value: Value)] {
        cells.compactMap(\.self).sorted { $0.id < $1.id }
    }

    /// Adds the value of a stream that has none.
    mutating func insert(_ value: Value, for id: StreamID) {
        if (count + 1) * 2 > cells.count { grow() }
        place((id, value))
        count += 1
    }

    /// Removes the value of a stream.
    ///
    /// - Returns: The value; `nil` if the stream has none.
    mutating func remove(_ id: StreamID) -> Value? {
        var cell = home(of: id)
        while let entry = cells[cell] {
            if entry.id == id {
                cells[cell] = nil
                count -= 1
                moveUp(behind: cell)
                return entry.value
            }
            cell = next(cell)
        }
        return nil
    }

    /// Moves entries behind an empty cell to the cells in which a look-up finds them.
    private mutating func moveUp(behind hole: Int) {
        var cell = next(hole)
        while let entry = cells[cell] {
            if cell != home(of: entry.id) {
                cells[cell] = nil
                place(entry)
            }
            cell = next(cell)
        }
    }

    private mutating func place(_ entry: (id: StreamID, value: Value)) {
        var cell = home(of: entry.id)
        while cells[cell] != nil { cell = next(cell) }
        cells[cell] = entry
    }

    private mutating func grow() {
        let before = cells
        cells = Array(repeating: nil, count: before.count * 2)
        for entry in before { if let entry { place(entry) } }
    }

    private func home(of id: StreamID) -> Int {
        // Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4).
        Int((UInt64(id.rawValue) &* 0x9e37_79b9_7f4a_7c15) >> 32) & (cells.count - 1)
    }

    private func next(_ cell: Int) -> Int {
        (cell + 1) & (cells.count - 1)
    }
}
