/// A dictionary of limited size. Above the limit, a new key replaces the oldest key.
struct BoundedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    let limit: Int
    private var values: [Key: Value] = [:]
    /// The keys in the order of insertion; a ring once the table is full.
    private var order: [Key] = []
    private var oldest = 0

    /// - Parameter limit: Maximum keys; at least 1.
    init(limit: Int) {
        precondition(limit > 0, "the limit must be above 0")
        self.limit = limit
    }

    /// The value of a key. Setting `nil` does nothing: only age removes a key.
    subscript(key: Key) -> Value? {
        get { values[key] }
        set {
            guard let newValue else { return }
            if values.updateValue(newValue, forKey: key) == nil { insert(key) }
        }
    }

    /// Changes every value.
    mutating func updateAll(_ change: (inout Value) -> Void) {
        for key in order {
            guard var value = values[key] else { continue }
            change(&value)
            values[key] = value
        }
    }

    private mutating func insert(_ key: Key) {
        guard order.count == limit else { return order.append(key) }
        values[order[oldest]] = nil
        order[oldest] = key
        oldest = (oldest + 1) % limit
    }
}
