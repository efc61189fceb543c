internal import DoormanSupport

/// A value that a ``CallerTable`` keeps for a caller.
protocol CallerTableValue: Sendable {
    /// Returns whether the value can be removed without loss: a new one would have the same state.
    mutating func isUnused(at now: Instant) -> Bool

    /// The last use that the table did not see. The start of the clock without such a use.
    var lastUse: Instant { get }
}

/// A table with one value per caller, for a bounded number of callers.
///
/// A full table removes unused callers, at most once a second: only those with the shortest history. So callers that turn up under ever
/// new names displace each other, and not a caller that has been served for longer. Callers beyond the maximum get no value of their own.
struct CallerTable<Key: Hashable & Sendable, Value: CallerTableValue>: Sendable {
    fileprivate struct Entry: Sendable {
        var value: Value
        private var firstUse: Instant
        private var lastUse: Instant

        init(_ value: Value, at now: Instant) {
            self.value = value
            firstUse = now
            lastUse = now
        }

        mutating func recordUse(at now: Instant) {
            if value.isUnused(at: now), max(lastUse, value.lastUse).duration(to: now) > longestHistory { firstUse = now }
            lastUse = now
        }

        /// Returns whether the caller is unused, and its rank, which grows by 1 whenever its history doubles: 0 below one second.
        ///
        /// The history is the time from the first use to the last, less the time since then.
        mutating func rank(at now: Instant) -> (isUnused: Bool, rank: Int) {
            let isUnused = value.isUnused(at: now)
            lastUse = isUnused ? max(lastUse, min(value.lastUse, now)) : now
            let history = min(firstUse.duration(to: lastUse), longestHistory) - lastUse.duration(to: now)
            return (isUnused, Int.bitWidth - Int(max(0, history.components.seconds)).leadingZeroBitCount)
        }
    }

    /// The position of a caller's value. The next call of ``index(of:maximum:at:new:)`` makes it invalid.
    struct Index {
        fileprivate let position: Dictionary<Key, Entry>.Index
    }

    /// The minimum time between two searches for unused callers. A search walks through the whole table.
    private static var timeBetweenSweeps: Duration { .seconds(1) }
    /// The longest history that counts. An unused caller loses its history within that time.
    private static var longestHistory: Duration { .seconds(3600) }
    /// The rank of the longest history.
    private static var highestRank: Int { 12 }

    private var entries: [Key: Entry] = [:]
    /// The earliest time of the next search for unused callers.
    private var nextSweep = Instant(nanoseconds: 0)

    /// The number of callers in the table.
    var count: Int { entries.count }

    subscript(index: Index) -> Value {
        get { entries.values[index.position].value }
        set { entries.values[index.position].value = newValue }
    }

    /// Records a use by a caller. Adds the caller if it is new.
    ///
    /// - Parameters:
    ///   - maximum: The maximum callers in the table.
    ///   - new: Makes the value of a new caller.
    /// - Returns: The position of the caller's value; `nil` if the caller is new and the table is full.
    mutating func index(of key: Key, maximum: Int, at now: Instant, new: @autoclosure () -> Value) -> Index? {
        if let position = entries.index(forKey: key) {
            entries.values[position].recordUse(at: now)
            return Index(position: position)
        }
        if entries.count >= maximum, now >= nextSweep {
            sweep(maximum: maximum, at: now)
            nextSweep = now.advanced(by: Self.timeBetweenSweeps)
        }
        guard entries.count < maximum else { return nil }
        entries[key] = Entry(new(), at: now)
        return entries.index(forKey: key).map(Index.init)
    }

    /// Removes the unused callers of the lowest rank.
    ///
    /// Removes none if many callers in use have a lower rank: then an attacker keeps new names in use, and the unused callers are others.
    private mutating func sweep(maximum: Int, at now: Instant) {
        var lowest = Self.highestRank
        var inUse = Array(repeating: 0, count: Self.highestRank + 1)
        // Iterating over `values` would copy the table and retain each reference.
        var position = entries.startIndex
        while position < entries.endIndex {
            let (isUnused, rank) = entries.values[position].rank(at: now)
            if isUnused { lowest = min(lowest, rank) } else { inUse[rank] += 1 }
            entries.formIndex(after: &position)
        }
        guard inUse[..<lowest].reduce(0, +) <= maximum / 16 else { return }
        var removed: [Key] = []
        position = entries.startIndex
        while position < entries.endIndex {
            if entries.values[position].rank(at: now) == (isUnused: true, rank: lowest) { removed.append(entries.keys[position]) }
            entries.formIndex(after: &position)
        }
        for key in removed { entries[key] = nil }
    }
}
