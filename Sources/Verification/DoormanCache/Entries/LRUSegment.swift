private import CPrefetch
package import DoormanCore
package import DoormanSupport

/// Entries in strict order of last use, bounded in number and in bytes: the one used longest ago goes first.
///
/// Flat arrays and links by index, no object for an entry. What a hit touches (key, times, links, reply) lies together in 192 bytes;
/// the rest lies apart. An entry lies in the first free slot from the one that is its key's home, so that most are found there, and can
/// be fetched before they are asked for; the index knows where the others are. The arrays grow as entries come and keep their size
/// when entries go.
package struct LRUSegment: Sendable {
    package private(set) var bounds: SegmentBounds
    /// The entries' ``CacheEntry/cost`` in sum.
    package private(set) var byteCount = 0
    /// How many entries had to go for others, or for lower bounds.
    package private(set) var evictions: UInt64 = 0

    /// How many answers were given past their time.
    package private(set) var staleHits: UInt64 = 0

    private var slots: [Slot] = []
    private var costs: [UInt32] = []
    private var staleUntil: [UInt64] = []
    private var verdicts: [Verdict?] = []
    /// Those that have no room in their slots.
    private var longReplies: [Int: [UInt8]] = [:]
    private var index = SlotIndex()
    /// The one used last, if it is not yet linked as the newest.
    private var pendingTouch = Slot.none
    private var newest = Slot.none
    private var oldest = Slot.none
    private let slotAddresses: (SlotAddressTable, shard: Int)?

    package init(bounds: SegmentBounds) {
        self.init(bounds: bounds, publishingSlotsTo: nil)
    }

    /// - Parameter slotAddresses: Told where the entries lie.
    init(bounds: SegmentBounds, publishingSlotsTo slotAddresses: (SlotAddressTable, shard: Int)?) {
        self.bounds = bounds
        self.slotAddresses = slotAddresses
    }

    package var count: Int { index.count }

    /// A response was copied.
    struct Hit {
        let slot: Int
        /// Whether this hit is the one that has the entry refreshed.
        let isDueForRefresh: Bool
    }

    /// The reply for a call that accepts this age and this audience, marked as used; nil also if the entry has had its time.
    ///
    /// - Parameters:
    ///   - maxAge: In nanoseconds; `.max` for any.
    ///   - applicationID: Empty for any.
    ///   - reply: Where the reply is copied to.
    @inline(__always)
    mutating func reply(
        for key: TokenKey, applicationID: Span<UInt8>, maxAge: UInt64, now: UInt64, into reply: inout EncodedResponse
    ) -> Hit? {
        guard let slot = slot(of: key), now < slots[slot].usableUntil, isYoung(slot, maxAge: maxAge, now: now),
            applicationID.isEmpty || isFor(applicationID, slot)
        else { return nil }
        copyReply(slot, into: &reply)
        markUsed(slot)
        countStale(slot)
        return Hit(slot: slot, isDueForRefresh: takeRefresh(slot, now: now))
    }

    /// Why the token of a slot is rejected; `nil` for a valid one.
    func rejection(in slot: Int) -> Rejection.Reason? {
        guard case .rejected(let rejection)? = verdicts[slot] else { return nil }
        return rejection.reason
    }

    /// What the segment has of the key; an answer within its TTL is marked as used.
    ///
    /// - Parameter mayRefresh: Whether the call would have the entry refreshed.
    mutating func lookup(_ key: TokenKey, maxAge: UInt64, now: UInt64, mayRefresh: Bool) -> CacheLookup {
        guard let slot = slot(of: key), isYoung(slot, maxAge: maxAge, now: now), let verdict = verdicts[slot] else {
            return .miss
        }
        guard now < slots[slot].usableUntil else { return now < staleUntil[slot] ? .stale : .miss }
        markUsed(slot)
        countStale(slot)
        var response = EncodedResponse()
        copyReply(slot, into: &response)
        return .hit(EncodedVerdict(verdict, response), isDueForRefresh: mayRefresh && takeRefresh(slot, now: now))
    }

    /// When the provider was asked about the key's entry, if there is one.
    func verifiedAt(of key: TokenKey) -> Instant? {
        slot(of: key).map { Instant(nanoseconds: slots[$0].verifiedAt) }
    }

    /// The entry, whether or not it is past its time, unless it is no answer even if the provider can't be asked.
    func staleEntry(for key: TokenKey, maxAge: UInt64, now: UInt64) -> CacheEntry? {
        guard let slot = slot(of: key), now < staleUntil[slot], isYoung(slot, maxAge: maxAge, now: now),
            let verdict = verdicts[slot]
        else { return nil }
        var reply = EncodedResponse()
        copyReply(slot, into: &reply)
        return CacheEntry(
            verdict: verdict, reply: reply, verifiedAt: Instant(nanoseconds: slots[slot].verifiedAt),
            expiresAt: Instant(nanoseconds: slots[slot].usableUntil), staleUntil: Instant(nanoseconds: staleUntil[slot]))
    }

    /// Serves a stale entry for some moments more, as `entry` says, marked as used; unless it has been removed or
    /// replaced since `entry` was made of it.
    mutating func serveStale(_ entry: CacheEntry, for key: TokenKey) {
        guard let slot = slot(of: key), slots[slot].verifiedAt == entry.verifiedAt.nanoseconds, verdicts[slot] != nil else {
            return
        }
        slots[slot].usableUntil = min(entry.expiresAt.nanoseconds, staleUntil[slot])
        slots[slot].refreshAt = Slot.stale
        verdicts[slot] = entry.verdict
        storeReply(entry.reply, slot)
        markUsed(slot)
    }

    /// Has the next hit from `moment` on refresh the entry, since the refresh that had begun came to nothing.
    mutating func postponeRefresh(of key: TokenKey, until moment: Instant) {
        guard let slot = slot(of: key), slots[slot].refreshAt == Slot.refreshBegun else { return }
        slots[slot].refreshAt = min(moment.nanoseconds, Slot.stale - 1)
    }

    /// Adds or replaces the key's entry as the one used last, and makes room by letting go of those used longest ago. An entry
    /// that alone is over the bounds is not taken; one the key had before is gone then too.
    ///
    /// - Returns: Whether it was taken.
    @discardableResult
    package mutating func insert(_ entry: CacheEntry, for key: TokenKey) -> Bool {
        flushTouch()
        remove(key)
        let cost = entry.cost
        precondition(entry.staleUntil >= entry.expiresAt, "what is within its time is an answer")
        guard bounds.entries > 0, cost <= bounds.bytes, cost <= UInt32.max else { return false }
        evict(untilEntries: bounds.entries - 1, bytes: bounds.bytes - cost)
        let slot = takeFreeSlot(key)
        slots[slot].verifiedAt = entry.verifiedAt.nanoseconds
        slots[slot].usableUntil = entry.expiresAt.nanoseconds
        slots[slot].refreshAt = entry.refreshAt < entry.expiresAt ? entry.refreshAt.nanoseconds : Slot.refreshBegun
        costs[slot] = UInt32(cost)
        staleUntil[slot] = entry.staleUntil.nanoseconds
        verdicts[slot] = entry.verdict
        storeReply(entry.reply, slot)
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
        flushTouch()
        let slot = index.slot(at: cell)
        index.remove(at: cell)
        unlink(slot)
        byteCount -= Int(costs[slot])
        verdicts[slot] = nil
        forgetLongReply(slot)
        // No key's, so that it is not found at home.
        slots[slot].usableUntil = 0
        return true
    }

    /// Lets go of every entry whose verdict is such. Walks through all of them.
    package mutating func removeAll(where isSuch: (Verdict) -> Bool) {
        flushTouch()
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
        flushTouch()
        evict(untilEntries: bounds.entries, bytes: bounds.bytes)
    }

    /// All keys, the one used last first.
    package var keys: [TokenKey] {
        mutating get {
            flushTouch()
            return linkedKeys
        }
    }

    private var linkedKeys: [TokenKey] {
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
        if !slots.isEmpty {
            let home = Int(bitPattern: Self.home(of: key, among: UInt(bitPattern: slots.count)))
            if slots[home].key == key, slots[home].usableUntil > 0 { return home }
        }
        return cell(of: key).map(index.slot(at:))
    }

    /// A clock that stands still or was read by another thread a little earlier makes an entry new, not old.
    @inline(__always)
    private func isYoung(_ slot: Int, maxAge: UInt64, now: UInt64) -> Bool {
        let verifiedAt = slots[slot].verifiedAt
        return now <= verifiedAt || now - verifiedAt <= maxAge
    }

    @inline(__always)
    private mutating func countStale(_ slot: Int) {
        if slots[slot].refreshAt == Slot.stale { staleHits &+= 1 }
    }

    /// Whether this hit is to have the entry refreshed; only one is.
    @inline(__always)
    private mutating func takeRefresh(_ slot: Int, now: UInt64) -> Bool {
        guard now >= slots[slot].refreshAt else { return false }
        slots[slot].refreshAt = Slot.refreshBegun
        return true
    }

    private func isFor(_ applicationID: Span<UInt8>, _ slot: Int) -> Bool {
        guard case .valid(let identity) = verdicts[slot] else { return false }
        return identity.isFor(applicationID)
    }
}

// MARK: - Replies

extension LRUSegment {
    @inline(__always)
    private func copyReply(_ slot: Int, into reply: inout EncodedResponse) {
        reply.short = slots[slot].reply
        if reply.short.count == nil { reply.long = longReplies[slot] ?? [] }
    }

    private mutating func storeReply(_ reply: EncodedResponse, _ slot: Int) {
        forgetLongReply(slot)
        slots[slot].reply = reply.short
        if reply.short.count == nil { longReplies[slot] = reply.long }
    }

    private mutating func forgetLongReply(_ slot: Int) {
        if slots[slot].reply.count == nil { longReplies[slot] = nil }
        slots[slot].reply = EncodedResponse.Short()
    }
}

// MARK: - Order

extension LRUSegment {
    /// Notes the use, and has the neighbours fetched that have to be linked to each other for it: by the next time that something is
    /// asked of the segment they are there, and nobody waits for them.
    @inline(__always)
    private mutating func markUsed(_ slot: Int) {
        flushTouch()
        guard newest != UInt32(truncatingIfNeeded: slot) else { return }
        pendingTouch = UInt32(truncatingIfNeeded: slot)
        let (newer, older) = (slots[slot].newer, slots[slot].older)
        unsafe slots.withUnsafeBytes { bytes in
            let start = UInt(bitPattern: bytes.baseAddress)
            prefetch_for_writing(start &+ UInt(newer) &* UInt(Self.slotSize))
            prefetch_for_writing(start &+ UInt(older) &* UInt(Self.slotSize))
        }
    }

    /// Links the one used last as the newest. Whatever changes or follows links begins with it.
    @inline(__always)
    private mutating func flushTouch() {
        guard pendingTouch != Slot.none else { return }
        let slot = Int(pendingTouch)
        pendingTouch = Slot.none
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

    /// The first one from the key's home that is free.
    private mutating func takeFreeSlot(_ key: TokenKey) -> Int {
        if (count + 1) * 5 > slots.count * 4 { grow() }
        var slot = Int(bitPattern: Self.home(of: key, among: UInt(bitPattern: slots.count)))
        while verdicts[slot] != nil { slot = slot + 1 == slots.count ? 0 : slot + 1 }
        slots[slot] = Slot(key: key)
        return slot
    }

    /// Moves the entries to arrays a quarter larger, or as large as the bounds can need, each to where its home is then.
    private mutating func grow() {
        var larger = LRUSegment(bounds: bounds, publishingSlotsTo: slotAddresses)
        larger.makeRoom(min(slots.count, bounds.entries) + min(slots.count, bounds.entries) / 4 + 8)
        var slot = oldest
        while slot != Slot.none {
            let old = Int(slot)
            let key = slots[old].key
            let new = larger.takeFreeSlot(key)
            larger.slots[new] = slots[old]
            larger.costs[new] = costs[old]
            larger.staleUntil[new] = staleUntil[old]
            larger.verdicts[new] = verdicts[old]
            if let long = longReplies[old] { larger.longReplies[new] = long }
            larger.index.insert(bits: key.bits, slot: new)
            larger.linkAsNewest(new)
            slot = slots[old].newer
        }
        larger.byteCount = byteCount
        larger.evictions = evictions
        larger.staleHits = staleHits
        self = larger
        publishSlots()
    }

    private mutating func makeRoom(_ count: Int) {
        slots = Array(repeating: Slot.free, count: count)
        costs = Array(repeating: 0, count: count)
        staleUntil = Array(repeating: 0, count: count)
        verdicts = Array(repeating: nil, count: count)
    }

    private func publishSlots() {
        let address = unsafe slots.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
        if let (slotAddresses, shard) = slotAddresses { slotAddresses.publish(address: address, count: slots.count, of: shard) }
    }
}

extension LRUSegment {
    /// What a hit touches, in three lines of the processor's cache that lie side by side: key, times and links in one, the reply in
    /// two. The vectors' alignment is their 64 bytes; as a struct of numbers most slots would begin in the middle of a line.
    struct Slot: BitwiseCopyable {
        static let none: UInt32 = .max
        /// In place of ``refreshAt`` once the refresh has begun.
        static let refreshBegun: UInt64 = .max
        /// In place of ``refreshAt`` where the entry is given past its time.
        static let stale: UInt64 = .max - 1

        private var words = SIMD8<UInt64>()
        var reply = EncodedResponse.Short()

        /// One that is no entry's.
        static let free = Slot(key: TokenKey(words: (0, 0, 0, 0)))

        init(key: TokenKey) {
            self.key = key
            links = UInt64.max
        }

        var key: TokenKey {
            get { TokenKey(words: (words[0], words[1], words[2], words[3])) }
            set { (words[0], words[1], words[2], words[3]) = newValue.words }
        }
        var verifiedAt: UInt64 {
            get { words[4] }
            set { words[4] = newValue }
        }
        /// Until when it is given: its time, or some moments more while the provider can't be asked. 0 where no entry is.
        var usableUntil: UInt64 {
            get { words[5] }
            set { words[5] = newValue }
        }
        var refreshAt: UInt64 {
            get { words[6] }
            set { words[6] = newValue }
        }
        /// The neighbour used next after this one.
        var newer: UInt32 {
            get { UInt32(truncatingIfNeeded: links) }
            set { links = links & ~0xffff_ffff | UInt64(newValue) }
        }
        var older: UInt32 {
            get { UInt32(truncatingIfNeeded: links >> 32) }
            set { links = links & 0xffff_ffff | UInt64(newValue) << 32 }
        }
        private var links: UInt64 {
            get { words[7] }
            set { words[7] = newValue }
        }
    }

    /// Bytes from one slot to the next.
    static let slotSize = MemoryLayout<Slot>.stride

    /// Which of the slots is the key's home.
    @inline(__always)
    static func home(of key: TokenKey, among count: UInt) -> UInt {
        UInt(key.slotBits.multipliedFullWidth(by: UInt64(count)).high)
    }
}
