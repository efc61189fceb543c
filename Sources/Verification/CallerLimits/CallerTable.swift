internal import DoormanSupport

/// A table with one value per caller, for a bounded number of callers.
///
/// A full table removes unused callers, at most once a second. Callers beyond the maximum get no value of their own.
struct CallerTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var values: [Key: Value] = [:]
    /// The earliest time of the next search for unused callers. A search walks through the whole table.
    private var nextSweep = Instant(nanoseconds: 0)

    /// The number of callers in the table.
    var count: Int { values.count }

    /// Updates a caller's value. Adds the caller if it is new.
    ///
    /// - Parameters:
    ///   - maximum: The maximum callers in the table.
    ///   - new: Makes the value of a new caller.
    ///   - isUnused: Returns whether a value can be removed without loss.
    /// - Returns: The result of `body`; `nil` if the caller is new and the table is full.
    mutating func update<Result>(
        _ key: Key, maximum: Int, at now: Instant, new: @autoclosure () -> Value, isUnused: (inout Value) -> Bool,
        _ body: (inout Value) -> Result
    ) -> Result? {
        if let index = values.index(forKey: key) { return body(&values.values[index]) }
        if values.count >= maximum, now >= nextSweep {
            values.removeAll(where: isUnused)
            nextSweep = now.advanced(by: .seconds(1))
        }
        guard values.count < maximum else { return nil }
        var value = new()
        let result = body(&value)
        values[key] = value
        return result
    }
}

extension Dictionary {
    /// Removes all unused values. The predicate gets each value in place, so a unique reference stays unique during the call.
    mutating func removeAll(where isUnused: (inout Value) -> Bool) {
        var unused: [Key] = []
        // Iterating over `indices` would copy the dictionary and retain each reference.
        var index = startIndex
        while index < endIndex {
            if isUnused(&values[index]) { unused.append(keys[index]) }
            formIndex(after: &index)
        }
        for key in unused { self[key] = nil }
    }
}
