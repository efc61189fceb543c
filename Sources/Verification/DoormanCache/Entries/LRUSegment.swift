private import CPrefetch
internal import DoormanCore
package import DoormanSupport

/// A strict LRU list of entries, bounded by entries and by bytes.
///
/// The entries are in flat arrays, linked by index, without an object per entry. A slot of 192 bytes holds all fields that a hit
/// needs: key, times, links and response. An entry takes the first free slot from its key's home slot on. Most entries are in their
/// home slot, which can be prefetched; the index finds the others. The arrays grow with the entries and never shrink.
package struct LRUSegment: Sendable {
    package private(set) var bounds: SegmentBounds
    /// The sum of the entries' ``CacheEntry/cost``.
    package private(set) var byteCount = 0
    /// The number of entries evicted within their TTL, for newer entries or lower bounds. An entry past its TTL that makes room does not
    /// count.
    package private(set) var evictions: UInt64 = 0
    /// Those of the evictions that the bound on bytes caused, and not that on entries.
    package private(set) var evictionsForBytes: UInt64 = 0
    /// The number of hits on stale entries.
    package private(set) var staleHits: UInt64 = 0

    private var slots: [Slot] = []
    private var verdicts: [StoredVerdict] = []
    /// The responses that are too long for their slots.
    private var longResponses: [Int: [UInt8]] = [:]
    /// The slots of valid tokens, by account.
    private var accounts = AccountIndex()
    /// The providers and applications that the calls named which caused the entries, by slot. Only for rejected tokens.
    private var namedTargets: [Int: ProviderTarget] = [:]
    private var index = SlotIndex()
    /// The slot used last, if it is not yet linked as the newest.
    private var pendingTouch = Slot.none
    private var newest = Slot.none
    private var oldest = Slot.none
    private let decode: @Sendable (EncodedResponse) -> Verdict?
    private let slotAddresses: (SlotAddressTable, shard: Int)?

    package init(bounds: SegmentBounds) {
        self.init(bounds: bounds, decode: { _ in nil }, publishingSlotsTo: nil)
    }

    /// - Parameters:
    ///   - decode: See ``VerdictCoding``.
    ///   - slotAddresses: The table in which to publish the slots, and the number of the shard; `nil` for none.
    init(
        bounds: SegmentBounds, decode: @escaping @Sendable (EncodedResponse) -> Verdict?,
        publishingSlotsTo slotAddresses: (SlotAddressTable, shard: Int)?
    ) {
        self.bounds = bounds
        self.decode = decode
        self.slotAddresses = slotAddresses
    }

    package var count: Int { index.count }

    /// A hit whose response was copied.
    struct Hit {
        let slot: Int
        /// Whether the caller must refresh the entry. Only one hit of an entry is due.
        let isDueForRefresh: Bool
    }

    /// Copies the cached response for a call, and marks the entry as used.
    ///
    /// - Parameters:
    ///   - applicationID: The application that the token must be for, in UTF-8; empty for any.
    ///   - maxAge: The maximum age of the entry, in nanoseconds; `.max` for any.
    /// - Returns: `nil` if the segment has no usable entry that matches.
    @inline(__always)
    mutating func copyResponse(
        for key: TokenKey, applicationID: Span<UInt8>, maxAge: UInt64, now: UInt64, into response: inout EncodedResponse
    ) -> Hit? {
        guard let slot = slot(of: key), now < slots[slot].usableUntil, isYoung(slot, maxAge: maxAge, now: now),
            applicationID.isEmpty || isFor(applicationID, slot)
        else { return nil }
        copyResponse(in: slot, into: &response)
        markUsed(slot)
        countStale(slot)
        return Hit(slot: slot, isDueForRefresh: takeRefresh(slot, now: now))
    }

    /// Returns the age of a slot's entry in nanoseconds.
    func age(of slot: Int, now: UInt64) -> UInt64 {
        let requestedAt = slots[slot].requestedAt
        return now > requestedAt ? now - requestedAt : 0
    }

    /// Returns the reason why the token of a slot is rejected; `nil` for a valid token.
    func rejection(in slot: Int) -> Rejection.Reason? {
        guard case .whole(.rejected(let rejection)) = verdicts[slot] else { return nil }
        return rejection.reason
    }

    /// Looks up the key's entry, and marks it as used after a hit.
    ///
    /// - Parameter mayRefresh: Whether the caller refreshes an entry that is due.
    mutating func lookup(_ key: TokenKey, maxAge: UInt64, now: UInt64, mayRefresh: Bool) -> CacheLookup {
        guard let slot = slot(of: key), isYoung(slot, maxAge: maxAge, now: now) else { return .miss }
        guard now < slots[slot].usableUntil else { return now < slots[slot].staleUntil ? .stale : .miss }
        guard let verdict = verdict(in: slot) else { return .miss }
        markUsed(slot)
        countStale(slot)
        var response = EncodedResponse()
        copyResponse(in: slot, into: &response)
        return .hit(EncodedVerdict(verdict, response), isDueForRefresh: mayRefresh && takeRefresh(slot, now: now))
    }

    /// Returns the time of the provider request behind the key's entry; `nil` if there is no entry.
    func requestedAt(of key: TokenKey) -> Instant? {
        slot(of: key).map { Instant(nanoseconds: slots[$0].requestedAt) }
    }

    /// Returns the key's entry, past its TTL or not; `nil` if stale-if-error has ended or the entry is older than `maxAge`.
    func staleEntry(for key: TokenKey, maxAge: UInt64, now: UInt64) -> CacheEntry? {
        guard let slot = slot(of: key), now < slots[slot].staleUntil, isYoung(slot, maxAge: maxAge, now: now),
            let verdict = verdict(in: slot)
        else { return nil }
        var response = EncodedResponse()
        copyResponse(in: slot, into: &response)
        return CacheEntry(
            verdict: verdict, response: response, requestedAt: Instant(nanoseconds: slots[slot].requestedAt),
            expiresAt: Instant(nanoseconds: slots[slot].usableUntil), staleUntil: Instant(nanoseconds: slots[slot].staleUntil))
    }

    /// Serves a stale entry until `entry` expires, and marks it as used. Does nothing if the entry was removed or replaced since
    /// `entry` was made from it.
    mutating func serveStale(_ entry: CacheEntry, for key: TokenKey) {
        guard let slot = slot(of: key), slots[slot].requestedAt == entry.requestedAt.nanoseconds else {
            return
        }
        slots[slot].usableUntil = min(entry.expiresAt.nanoseconds, slots[slot].staleUntil)
        slots[slot].refreshAt = Slot.stale
        storeVerdict(of: entry, in: slot)
        markUsed(slot)
    }

    /// Makes the next hit from `moment` on refresh the entry, after the present refresh failed.
    mutating func postponeRefresh(of key: TokenKey, until moment: Instant) {
        guard let slot = slot(of: key), slots[slot].refreshAt == Slot.refreshBegun else { return }
        slots[slot].refreshAt = min(moment.nanoseconds, Slot.stale - 1)
    }

    /// Stores an entry as the most recently used, and evicts the least recently used entries over the bounds.
    ///
    /// - Parameter now: The time by which evicted entries are within their TTL, or past it.
    /// - Returns: Whether the entry was stored. An entry that exceeds the bounds alone is not stored, and the key's present entry
    ///   is removed.
    @discardableResult
    package mutating func insert(_ entry: CacheEntry, for key: TokenKey, now: Instant) -> Bool {
        flushTouch()
        remove(key)
        let cost = entry.cost
        precondition(entry.staleUntil >= entry.expiresAt, "stale-if-error ends before the TTL")
        guard bounds.entries > 0, cost <= min(bounds.bytes, Int(UInt32.max)) else { return false }
        evict(untilEntries: bounds.entries - 1, bytes: bounds.bytes - cost, now: now)
        let slot = takeFreeSlot(key)
        slots[slot].requestedAt = entry.requestedAt.nanoseconds
        slots[slot].usableUntil = entry.expiresAt.nanoseconds
        slots[slot].refreshAt = entry.refreshAt < entry.expiresAt ? entry.refreshAt.nanoseconds : Slot.refreshBegun
        slots[slot].cost = UInt32(cost)
        slots[slot].staleUntil = entry.staleUntil.nanoseconds
        storeVerdict(of: entry, in: slot)
        index.insert(bits: key.bits, slot: slot)
        if case .valid(let identity) = entry.verdict { accounts.insert(slot, accountID: identity.accountID) }
        if !entry.named.isEmpty { namedTargets[slot] = entry.named }
        byteCount += cost
        linkAsNewest(slot)
        return true
    }

    /// Removes the key's entry.
    ///
    /// - Returns: Whether there was an entry.
    @discardableResult
    package mutating func remove(_ key: TokenKey) -> Bool {
        guard let cell = cell(of: key) else { return false }
        flushTouch()
        let slot = index.slot(at: cell)
        index.remove(at: cell)
        unlink(slot)
        byteCount -= Int(slots[slot].cost)
        if case .valid(let identity)? = verdict(in: slot) { accounts.remove(slot, accountID: identity.accountID) }
        namedTargets[slot] = nil
        verdicts[slot] = .none
        removeLongResponse(in: slot)
        // The home slot keeps its key, so this marks it as free for `slot(of:)`.
        slots[slot].usableUntil = 0
        return true
    }

    /// Returns the keys of the entries of an account.
    ///
    /// - Parameter target: The provider and the application of the account; `nil` in it for all.
    func keys(accountID: String, of target: ProviderTarget) -> [TokenKey] {
        accounts.slots(accountID: accountID).compactMap { slot in
            guard case .valid(let identity)? = verdict(in: slot), identity.isOf(accountID: accountID), target.covers(identity)
            else {
                return nil
            }
            return slots[slot].key
        }
    }

    /// Returns whether the key has an entry that was caused by a call which named the same application, or none as well.
    ///
    /// - Parameter applicationID: The application that the present call names, in UTF-8; empty for none.
    func hasEntry(for key: TokenKey, naming applicationID: Span<UInt8>) -> Bool {
        guard count > 0, let slot = slot(of: key) else { return false }
        guard let named = namedTargets.isEmpty ? nil : namedTargets[slot] else { return applicationID.isEmpty }
        let text = named.applicationID ?? ""
        guard named.provider == nil, text.utf8.count == applicationID.count else { return false }
        for (index, byte) in text.utf8.enumerated() where byte != applicationID[index] { return false }
        return true
    }

    /// Returns whether the key has an entry that was caused by a call which named the same provider and application.
    func hasEntry(for key: TokenKey, naming target: ProviderTarget) -> Bool {
        guard count > 0, let slot = slot(of: key) else { return false }
        return namedTargets[slot] ?? ProviderTarget() == target
    }

    /// Returns the keys of the entries whose identity fulfils a condition, among a range of slots.
    func keys(inSlots range: Range<Int>, where condition: (Identity) -> Bool) -> [TokenKey] {
        range.clamped(to: slots.indices).compactMap { slot in
            guard case .valid(let identity)? = verdict(in: slot), condition(identity) else { return nil }
            return slots[slot].key
        }
    }

    /// The number of slots, free ones included.
    var slotCount: Int { slots.count }

    /// Changes the bounds. Entries over the new bounds are evicted at once.
    package mutating func limit(to bounds: SegmentBounds, now: Instant) {
        self.bounds = bounds
        flushTouch()
        evict(untilEntries: bounds.entries, bytes: bounds.bytes, now: now)
    }

    /// All keys, the most recently used first.
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

// MARK: - Slots

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

    /// Returns whether an entry is within the maximum age. A time before the request, read by another thread, makes an entry new.
    @inline(__always)
    private func isYoung(_ slot: Int, maxAge: UInt64, now: UInt64) -> Bool {
        let requestedAt = slots[slot].requestedAt
        return now <= requestedAt || now - requestedAt <= maxAge
    }

    @inline(__always)
    private mutating func countStale(_ slot: Int) {
        if slots[slot].refreshAt == Slot.stale { staleHits &+= 1 }
    }

    /// Returns whether the caller must refresh the entry. Only one hit of an entry is due.
    @inline(__always)
    private mutating func takeRefresh(_ slot: Int, now: UInt64) -> Bool {
        guard now >= slots[slot].refreshAt else { return false }
        slots[slot].refreshAt = Slot.refreshBegun
        return true
    }

    private func isFor(_ applicationID: Span<UInt8>, _ slot: Int) -> Bool {
        let range = slots[slot].application
        guard range.isEmpty else { return slots[slot].response.has(applicationID, in: range) }
        // Looks at the stored identity where it is: a copy would count references on each hit.
        if case .whole(.valid(let identity)) = verdicts[slot] { return identity.isFor(applicationID) }
        guard case .valid(let identity)? = verdict(in: slot) else { return false }
        return identity.isFor(applicationID)
    }
}

// MARK: - Responses

extension LRUSegment {
    @inline(__always)
    private func copyResponse(in slot: Int, into response: inout EncodedResponse) {
        response.short = slots[slot].response
        if response.short.count == nil { response.long = longResponses[slot] ?? [] }
    }

    /// Stores the response of an entry, and its verdict unless that is read from the response.
    private mutating func storeVerdict(of entry: CacheEntry, in slot: Int) {
        removeLongResponse(in: slot)
        slots[slot].response = entry.response.short
        if entry.response.short.count == nil { longResponses[slot] = entry.response.long }
        verdicts[slot] = entry.isReadFromResponse ? .inResponse : .whole(entry.verdict)
        if case .valid(let identity) = entry.verdict {
            slots[slot].application = entry.response.short.range(of: Array(identity.applicationID.utf8)) ?? 0..<0
        }
    }

    /// Returns the verdict of a slot; `nil` for a slot without an entry.
    private func verdict(in slot: Int) -> Verdict? {
        switch verdicts[slot] {
        case .none: return nil
        case .whole(let verdict): return verdict
        case .inResponse:
            var response = EncodedResponse()
            response.short = slots[slot].response
            // Not `nil`, since the entry was read from the same bytes before it was stored.
            return decode(response)
        }
    }

    private mutating func removeLongResponse(in slot: Int) {
        if slots[slot].response.count == nil { longResponses[slot] = nil }
        slots[slot].response = EncodedResponse.Short()
    }
}

// MARK: - Order

extension LRUSegment {
    /// Notes the use of a slot, and prefetches its neighbours in the list. The next call on the segment links them without a wait.
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

    /// Links the slot used last as the newest. Must come first in every function that reads or changes links.
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

    private mutating func evict(untilEntries entries: Int, bytes: Int, now: Instant) {
        while count > entries || byteCount > bytes {
            let slot = Int(oldest)
            // An entry that is served stale is usable past its TTL.
            if now.nanoseconds < slots[slot].usableUntil, slots[slot].refreshAt != Slot.stale {
                if count <= entries { evictionsForBytes += 1 }
                evictions += 1
            }
            remove(slots[slot].key)
        }
    }

    /// Takes the first free slot from the key's home slot on.
    private mutating func takeFreeSlot(_ key: TokenKey) -> Int {
        if (count + 1) * 5 > slots.count * 4 { grow() }
        var slot = Int(bitPattern: Self.home(of: key, among: UInt(bitPattern: slots.count)))
        while !verdicts[slot].isNone { slot = slot + 1 == slots.count ? 0 : slot + 1 }
        slots[slot] = Slot(key: key)
        return slot
    }

    /// Moves the entries to arrays that are a quarter larger, within what the bounds can need.
    private mutating func grow() {
        var larger = LRUSegment(bounds: bounds, decode: decode, publishingSlotsTo: slotAddresses)
        larger.allocate(min(slots.count, bounds.entries) + min(slots.count, bounds.entries) / 4 + 8)
        var slot = oldest
        while slot != Slot.none {
            let old = Int(slot)
            let key = slots[old].key
            let new = larger.takeFreeSlot(key)
            larger.slots[new] = slots[old]
            larger.verdicts[new] = verdicts[old]
            if let long = longResponses[old] { larger.longResponses[new] = long }
            if let named = namedTargets[old] { larger.namedTargets[new] = named }
            if case .valid(let identity)? = verdict(in: old) { larger.accounts.insert(new, accountID: identity.accountID) }
            larger.index.insert(bits: key.bits, slot: new)
            larger.linkAsNewest(new)
            slot = slots[old].newer
        }
        larger.byteCount = byteCount
        larger.evictions = evictions
        larger.evictionsForBytes = evictionsForBytes
        larger.staleHits = staleHits
        self = larger
        publishSlots()
    }

    private mutating func allocate(_ count: Int) {
        slots = Array(repeating: Slot.free, count: count)
        verdicts = Array(repeating: .none, count: count)
        accounts = AccountIndex(slots: count)
    }

    private func publishSlots() {
        let address = unsafe slots.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
        if let (slotAddresses, shard) = slotAddresses { slotAddresses.publish(address: address, count: slots.count, of: shard) }
    }
}

extension LRUSegment {
    /// The fields that a hit needs, in three consecutive cache lines: key, times, cost and links in one, the response in two.
    ///
    /// The vectors align a slot to 64 bytes. As a struct of numbers, most slots would begin in the middle of a cache line.
    struct Slot: BitwiseCopyable {
        static let none: UInt32 = .max
        /// The value of ``refreshAt`` after the refresh has begun.
        static let refreshBegun: UInt64 = .max
        /// The value of ``refreshAt`` while the entry is served stale.
        static let stale: UInt64 = .max - 1

        private var words = SIMD8<UInt64>()
        var response = EncodedResponse.Short()

        /// A slot without an entry.
        static let free = Slot(key: TokenKey(words: (0, 0)))

        init(key: TokenKey) {
            self.key = key
            links = UInt64.max
        }

        var key: TokenKey {
            get { TokenKey(words: (words[0], words[1])) }
            set { (words[0], words[1]) = newValue.words }
        }
        /// The entry's ``CacheEntry/cost``.
        var cost: UInt32 {
            get { UInt32(truncatingIfNeeded: words[2]) }
            set { words[2] = words[2] & ~0xffff_ffff | UInt64(newValue) }
        }
        /// The bytes of the response that are the application of the identity, for calls that name one; empty if they are not in the slot.
        var application: Range<Int> {
            get {
                let start = Int(words[2] >> 48)
                return start..<start + Int(words[2] >> 32 & 0xffff)
            }
            set { words[2] = words[2] & 0xffff_ffff | UInt64(newValue.count) << 32 | UInt64(newValue.lowerBound) << 48 }
        }
        /// The end of stale serving.
        var staleUntil: UInt64 {
            get { words[3] }
            set { words[3] = newValue }
        }
        var requestedAt: UInt64 {
            get { words[4] }
            set { words[4] = newValue }
        }
        /// The time until which the entry is served: the end of its TTL, or of its stale serving. 0 in a slot without an entry.
        var usableUntil: UInt64 {
            get { words[5] }
            set { words[5] = newValue }
        }
        var refreshAt: UInt64 {
            get { words[6] }
            set { words[6] = newValue }
        }
        /// The slot used next after this slot.
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

    /// The distance between two slots, in bytes.
    static let slotSize = MemoryLayout<Slot>.stride

    /// Returns the number of the key's home slot.
    @inline(__always)
    static func home(of key: TokenKey, among count: UInt) -> UInt {
        UInt(key.slotBits.multipliedFullWidth(by: UInt64(count)).high)
    }
}
