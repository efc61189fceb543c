extension Deadline {
    /// Suspends the task until the deadline has passed. Sleeps a second at a time: a sleep that is cancelled keeps its place in the
    /// system's timers until it would have ended.
    ///
    /// - Parameter now: The clock that the deadline is on.
    /// - Returns: False if the task was cancelled before.
    package func sleep(_ now: @Sendable () -> Instant) async -> Bool {
        while !hasPassed(at: now()) {
            do {
                try await Task.sleep(for: min(.seconds(1), remaining(at: now())))
            } catch {
                return false
            }
        }
        return true
    }
}
