import DoormanClient

/// Counts the errors of calls by kind.
actor OutcomeCounts {
    private var counts: [DoormanError.Kind: Int] = [:]

    func add(_ kind: DoormanError.Kind) {
        counts[kind, default: 0] += 1
    }

    func count(of kind: DoormanError.Kind) -> Int {
        counts[kind] ?? 0
    }
}
