/// Which calls go wrong how. A fault of one endpoint goes before the fault of all.
struct FaultPlan: Sendable {
    private struct Entry: Sendable {
        let fault: Fault
        /// How many calls are left to go wrong; nil for all.
        var calls: Int?
    }

    private var entries: [Endpoint?: Entry] = [:]

    /// - Parameters:
    ///   - fault: Nil to go right again.
    ///   - endpoint: Nil for all that have none of their own.
    ///   - calls: How many calls go wrong before all is right again; nil for all.
    mutating func set(_ fault: Fault?, for endpoint: Endpoint?, calls: Int? = nil) {
        entries[endpoint] = fault.map { Entry(fault: $0, calls: calls) }
    }

    mutating func clear() {
        entries = [:]
    }

    /// The fault for the next call.
    mutating func take(for endpoint: Endpoint) -> Fault? {
        let key: Endpoint? = entries[endpoint] == nil ? nil : endpoint
        guard let entry = entries[key] else { return nil }
        if let calls = entry.calls {
            entries[key] = calls > 1 ? Entry(fault: entry.fault, calls: calls - 1) : nil
        }
        return entry.fault
    }
}
