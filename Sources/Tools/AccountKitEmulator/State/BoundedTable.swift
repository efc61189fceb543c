/// A dictionary of limited size that forgets the key it has known longest to take in a new one.
struct BoundedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    let limit: Int
    private var values: [Key: Value] = [:]
    /// The keys as they came, as a ring once it is full.
    private var order: [Key] = []
    private var oldest = 0

    /// - Parameter limit: How many keys there may be; at least 1.
    init(limit: Int) {
        precondition(limit > 0, "a table without room")
        self.limit = limit
    }

    /// The value of a key. Setting nil does nothing: only age removes a key.
    subscript(key: Key) -> Value? {
        get { values[key] }
        set {
            guard let newValue else { return }
            if values.updateValue(newValue, forKey: key) == nil { remember(key) }
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

    private mutating func remember(_ key: Key) {
        guard order.count == limit else { return order.append(key) }
        values[order[oldest]] = nil
        order[oldest] = key
        oldest = (oldest + 1) % limit
    }
}
