/// Finds the slot of a key. A hash table with open addressing in one flat array, for keys with random bits.
///
/// A cell holds the upper 32 bits of the key and the number of the slot, so nearly every miss needs only the cells. The table is at
/// most half full. A removal moves later cells up, so there are no tombstones.
struct SlotIndex {
    /// An empty cell is `0`. Any other cell holds the tag and the slot's number plus one.
    private var cells: [UInt64] = Array(repeating: 0, count: 16)
    private(set) var count = 0

    /// Returns the cell that has the tag of `bits` and a slot that `isMatch` accepts.
    @inline(__always)
    func cell(of bits: UInt64, isMatch: (Int) -> Bool) -> Int? {
        let mask = cells.count - 1
        let tag = bits >> 32
        var cell = Int(truncatingIfNeeded: tag) & mask
        while true {
            let content = cells[cell]
            if content == 0 { return nil }
            if content >> 32 == tag, isMatch(Self.slot(in: content)) { return cell }
            cell = (cell + 1) & mask
        }
    }

    /// Returns the slot of a cell.
    @inline(__always)
    func slot(at cell: Int) -> Int {
        Self.slot(in: cells[cell])
    }

    /// Adds the slot of a key that the index does not have.
    mutating func insert(bits: UInt64, slot: Int) {
        if (count + 1) * 2 > cells.count { grow() }
        Self.write((bits >> 32) << 32 | UInt64(slot + 1), to: &cells)
        count += 1
    }

    /// Empties a cell, and moves up later cells that would no longer be found.
    mutating func remove(at cell: Int) {
        let mask = cells.count - 1
        var hole = cell
        var next = (cell + 1) & mask
        while cells[next] != 0 {
            let home = Self.home(of: cells[next], mask: mask)
            if (next - home) & mask >= (next - hole) & mask {
                cells[hole] = cells[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        cells[hole] = 0
        count -= 1
    }

    private mutating func grow() {
        var larger: [UInt64] = Array(repeating: 0, count: cells.count * 2)
        for content in cells where content != 0 {
            Self.write(content, to: &larger)
        }
        cells = larger
    }

    private static func write(_ content: UInt64, to cells: inout [UInt64]) {
        let mask = cells.count - 1
        var cell = home(of: content, mask: mask)
        while cells[cell] != 0 {
            cell = (cell + 1) & mask
        }
        cells[cell] = content
    }

    @inline(__always)
    private static func home(of content: UInt64, mask: Int) -> Int {
        Int(truncatingIfNeeded: content >> 32) & mask
    }

    @inline(__always)
    private static func slot(in content: UInt64) -> Int {
        Int(truncatingIfNeeded: content & 0xffff_ffff) - 1
    }
}
