/// Finds the slots of an account's entries: a doubly linked list of slots for each hash of an account id.
///
/// Accounts with the same hash share a list, so the user compares each entry's account.
struct AccountIndex: Sendable {
    private static let none = UInt32.max

    /// The first slot of each list.
    private var heads: [Int: UInt32] = [:]
    /// The links of each slot.
    private var next: [UInt32]
    private var previous: [UInt32]

    /// - Parameter slots: The number of slots.
    init(slots: Int = 0) {
        next = Array(repeating: Self.none, count: slots)
        previous = Array(repeating: Self.none, count: slots)
    }

    /// Adds a slot that is in no list.
    mutating func insert(_ slot: Int, accountID: String) {
        let hash = accountID.hashValue
        let head = heads.updateValue(UInt32(slot), forKey: hash) ?? Self.none
        next[slot] = head
        previous[slot] = Self.none
        if head != Self.none { previous[Int(head)] = UInt32(slot) }
    }

    /// Removes a slot from the list of the account.
    mutating func remove(_ slot: Int, accountID: String) {
        let (following, preceding) = (next[slot], previous[slot])
        if following != Self.none { previous[Int(following)] = preceding }
        if preceding != Self.none {
            next[Int(preceding)] = following
        } else {
            heads[accountID.hashValue] = following == Self.none ? nil : following
        }
    }

    /// Returns the slots of the account, and perhaps slots of other accounts.
    func slots(accountID: String) -> [Int] {
        var slots: [Int] = []
        var slot = heads[accountID.hashValue] ?? Self.none
        while slot != Self.none {
            slots.append(Int(slot))
            slot = next[Int(slot)]
        }
        return slots
    }
}
