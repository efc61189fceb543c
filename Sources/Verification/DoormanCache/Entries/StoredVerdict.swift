internal import DoormanCore

/// What a segment stores of the verdict of an entry, besides its response.
enum StoredVerdict: Sendable {
    /// The slot has no entry.
    case none
    /// Nothing: the verdict is read from the response in the slot. That saves a third of the memory of most identities.
    case inResponse
    /// The verdict, in an allocation of its own.
    indirect case whole(Verdict)

    var isNone: Bool {
        if case .none = self { true } else { false }
    }

    /// The memory of ``whole(_:)``'s allocation, in bytes.
    static let cost = 16 + MemoryLayout<Verdict>.stride
}
