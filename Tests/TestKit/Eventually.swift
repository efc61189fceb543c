/// A condition that did not come true in time.
package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) {
        self.description = description
    }
}

/// Polls until the condition holds. Tests wait for what they want to see, never for a time.
///
/// - Parameter limit: How long a slow machine may take. Only a failing test waits this long.
/// - Throws: ``NeverHappened`` naming `what` once the limit has passed.
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
