internal import DoormanSupport

/// What is kept of each caller, for a bounded number of callers.
///
/// Callers that are unused are forgotten when room is needed, looked for once a second at most. Where there are more callers than the
/// table holds, the owner decides what the others share.
struct CallerTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var values: [Key: Value] = [:]
    /// When it is next worth looking for callers to forget.
    private var nextSweep = Instant(nanoseconds: 0)

    /// How many callers are told apart at the moment.
    var count: Int { values.count }

    /// Changes what is kept of the caller.
    ///
    /// - Parameters:
    ///   - maximum: How many callers are told apart.
    ///   - new: Makes what is kept of a caller that is not in the table.
    ///   - isUnused: Whether nothing would be lost by forgetting a value.
    /// - Returns: `nil` if the caller is not in the table, and there is no room for it.
    mutating func change<Result>(
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
    /// Removes what the predicate says, which sees each value in its place: a reference that is unique stays so meanwhile.
    mutating func removeAll(where isUnused: (inout Value) -> Bool) {
        var unused: [Key] = []
        // Not over its indices: they would hold a copy of all, and each reference with it.
        var index = startIndex
        while index < endIndex {
            if isUnused(&values[index]) { unused.append(keys[index]) }
            formIndex(after: &index)
        }
        for key in unused { self[key] = nil }
    }
}
