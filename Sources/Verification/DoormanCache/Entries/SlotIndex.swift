/// Finds the slot of a key: a hash table with open addressing in one flat array, made for keys whose bits are random already.
///
/// A cell holds the key's upper 32 bits and the slot's number, so nearly every miss is told from the cells alone. It is at
/// most half full; a removal moves the cells behind it up, so there are no tombstones.
struct SlotIndex {
    /// `0` is an empty cell; any other is the tag and the slot's number plus one.
    private var cells: [UInt64] = Array(repeating: 0, count: 16)
    private(set) var count = 0

    /// The cell whose tag is that of `bits` and whose slot `isMatch` accepts.
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

    /// The slot that the cell names.
    @inline(__always)
    func slot(at cell: Int) -> Int {
        Self.slot(in: cells[cell])
    }

    /// Adds a slot for a key that is not in here.
    mutating func insert(bits: UInt64, slot: Int) {
        if (count + 1) * 2 > cells.count { grow() }
        Self.place((bits >> 32) << 32 | UInt64(slot + 1), in: &cells)
        count += 1
    }

    /// Empties the cell, and moves up those behind it that would no longer be found.
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
            Self.place(content, in: &larger)
        }
        cells = larger
    }

    private static func place(_ content: UInt64, in cells: inout [UInt64]) {
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
