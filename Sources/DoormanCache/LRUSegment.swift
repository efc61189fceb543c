package import DoormanCore

/// Entries in strict order of last use, bounded in number and in bytes: the one used longest ago goes first.
///
/// Flat arrays and links by index, no object for an entry. What a hit touches (key, links, times) lies together in 64 bytes;
/// the rest lies apart. The arrays grow as entries come and keep their size when entries go.
package struct LRUSegment: Sendable {
    package private(set) var bounds: SegmentBounds
    /// The entries' ``CacheEntry/cost`` in sum.
    package private(set) var byteCount = 0
    /// How many entries had to go for others, or for lower bounds.
    package private(set) var evictions: UInt64 = 0

    private var slots: [Slot] = []
    private var applicationIDs: [String] = []
    private var verdicts: [Verdict?] = []
    private var replies: [PackedReply?] = []
    private var index = SlotIndex()
    private var newest = Slot.none
    private var oldest = Slot.none
    private var firstFree = Slot.none

    private struct Slot {
        static let none: UInt32 = .max

        var key: TokenKey
        var verifiedAt: UInt64
        var expiresAt: UInt64
        var cost: UInt32
        /// The neighbour used next after this one. Free slots are linked by ``older`` alone.
        var newer: UInt32
        var older: UInt32
    }

    package init(bounds: SegmentBounds) {
        self.bounds = bounds
    }

    package var count: Int { index.count }

    /// The reply for a call that accepts this age and this audience, marked as used; nil also if the entry has had its time.
    ///
    /// - Parameters:
    ///   - maxAge: In nanoseconds; `.max` for any.
    ///   - applicationID: Empty for any.
    @inline(__always)
    mutating func reply(for key: TokenKey, applicationID: Span<UInt8>, maxAge: UInt64, now: UInt64) -> PackedReply? {
        guard let slot = slot(of: key), isUsable(slot, maxAge: maxAge, now: now) else { return nil }
        guard applicationID.isEmpty || isSame(applicationIDs[slot], applicationID) else { return nil }
        markUsed(slot)
        return replies[slot]
    }

    /// The verdict, if it is within its time and of an age the call accepts, marked as used.
    mutating func verdict(for key: TokenKey, maxAge: UInt64, now: UInt64) -> Verdict? {
        guard let slot = slot(of: key), isUsable(slot, maxAge: maxAge, now: now) else { return nil }
        markUsed(slot)
        return verdicts[slot]
    }

    /// Adds or replaces the key's entry as the one used last, and makes room by letting go of those used longest ago. An entry
    /// that alone is over the bounds is not taken; one the key had before is gone then too.
    ///
    /// - Returns: Whether it was taken.
    @discardableResult
    package mutating func insert(_ entry: CacheEntry, for key: TokenKey) -> Bool {
        remove(key)
        let cost = entry.cost
        guard bounds.entries > 0, cost <= bounds.bytes, cost <= UInt32.max else { return false }
        evict(untilEntries: bounds.entries - 1, bytes: bounds.bytes - cost)
        let slot = takeFreeSlot(key)
        slots[slot].verifiedAt = entry.verifiedAt.nanoseconds
        slots[slot].expiresAt = entry.expiresAt.nanoseconds
        slots[slot].cost = UInt32(cost)
        verdicts[slot] = entry.verdict
        replies[slot] = entry.reply
        if case .valid(let identity) = entry.verdict { applicationIDs[slot] = identity.applicationID }
        index.insert(bits: key.bits, slot: slot)
        byteCount += cost
        linkAsNewest(slot)
        return true
    }

    /// Lets go of the key's entry.
    ///
    /// - Returns: Whether there was one.
    @discardableResult
    package mutating func remove(_ key: TokenKey) -> Bool {
        guard let cell = cell(of: key) else { return false }
        let slot = index.slot(at: cell)
        index.remove(at: cell)
        unlink(slot)
        byteCount -= Int(slots[slot].cost)
        applicationIDs[slot] = ""
        verdicts[slot] = nil
        replies[slot] = nil
        slots[slot].older = firstFree
        firstFree = UInt32(slot)
        return true
    }

    /// Lets go of every entry whose verdict is such. Walks through all of them.
    package mutating func removeAll(where isSuch: (Verdict) -> Bool) {
        var slot = newest
        while slot != Slot.none {
            let current = Int(slot)
            slot = slots[current].older
            if let verdict = verdicts[current], isSuch(verdict) { remove(slots[current].key) }
        }
    }

    /// Sets other bounds; what is over them goes at once.
    package mutating func limit(to bounds: SegmentBounds) {
        self.bounds = bounds
        evict(untilEntries: bounds.entries, bytes: bounds.bytes)
    }

    /// All keys, the one used last first.
    package var keys: [TokenKey] {
        var keys: [TokenKey] = []
        var slot = newest
        while slot != Slot.none {
            keys.append(slots[Int(slot)].key)
            slot = slots[Int(slot)].older
        }
        return keys
    }
}

// MARK: - Finding

extension LRUSegment {
    @inline(__always)
    private func cell(of key: TokenKey) -> Int? {
        index.cell(of: key.bits) { slots[$0].key == key }
    }

    @inline(__always)
    private func slot(of key: TokenKey) -> Int? {
        cell(of: key).map(index.slot(at:))
    }

    /// A clock that stands still or was read by another thread a little earlier makes an entry new, not old.
    @inline(__always)
    private func isUsable(_ slot: Int, maxAge: UInt64, now: UInt64) -> Bool {
        let verifiedAt = slots[slot].verifiedAt
        return now < slots[slot].expiresAt && (now <= verifiedAt || now - verifiedAt <= maxAge)
    }

    @inline(__always)
    private func isSame(_ text: String, _ bytes: Span<UInt8>) -> Bool {
        let span = text.utf8Span.span
        guard span.count == bytes.count else { return false }
        for position in bytes.indices where span[position] != bytes[position] { return false }
        return true
    }
}

// MARK: - Order

extension LRUSegment {
    @inline(__always)
    private mutating func markUsed(_ slot: Int) {
        guard newest != UInt32(truncatingIfNeeded: slot) else { return }
        unlink(slot)
        linkAsNewest(slot)
    }

    private mutating func unlink(_ slot: Int) {
        let newer = slots[slot].newer
        let older = slots[slot].older
        if newer == Slot.none { newest = older } else { slots[Int(newer)].older = older }
        if older == Slot.none { oldest = newer } else { slots[Int(older)].newer = newer }
    }

    private mutating func linkAsNewest(_ slot: Int) {
        let number = UInt32(truncatingIfNeeded: slot)
        slots[slot].newer = Slot.none
        slots[slot].older = newest
        if newest == Slot.none { oldest = number } else { slots[Int(newest)].newer = number }
        newest = number
    }

    private mutating func evict(untilEntries entries: Int, bytes: Int) {
        while count > entries || byteCount > bytes {
            remove(slots[Int(oldest)].key)
            evictions += 1
        }
    }

    private mutating func takeFreeSlot(_ key: TokenKey) -> Int {
        guard firstFree == Slot.none else {
            let slot = Int(firstFree)
            firstFree = slots[slot].older
            slots[slot].key = key
            return slot
        }
        slots.append(Slot(key: key, verifiedAt: 0, expiresAt: 0, cost: 0, newer: Slot.none, older: Slot.none))
        applicationIDs.append("")
        verdicts.append(nil)
        replies.append(nil)
        return slots.count - 1
    }
}
