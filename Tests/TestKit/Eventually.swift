/// The error for a condition that did not become true in time.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) {
        self.description = description
    }
}

/// Polls until the condition is true. Tests wait for conditions, never for a fixed time.
///
/// - Parameter limit: Maximum time on a slow machine. Only a failing test waits this long. Default 20 s.
/// - Throws: ``NeverHappened`` with `what` after the limit.
package func eventually(
    _ what: String, within limit: Duration = .seconds(20), isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now.advanced(by: limit)
    while try await !condition() {
        guard ContinuousClock.now < end else { throw NeverHappened(description: "within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}
