package import DoormanCore

/// The dependencies on time and scheduling: two clocks, sleeping, and detached tasks.
///
/// Tests supply clocks that they step. The simulator supplies a scheduler that derives the order of all events from a seed.
package struct TimeSource: Sendable {
    /// The monotonic clock, for deadlines and ages.
    package let now: @Sendable () -> Instant
    /// The wall clock, for people. It can be set back.
    package let wallTime: @Sendable () -> Timestamp
    /// Suspends the task until a moment at the latest, or until the task is cancelled. It may return early, so the caller must check the
    /// clock again.
    package let sleep: @Sendable (Instant) async -> Void
    /// Starts a detached task.
    package let spawn: @Sendable (@escaping @Sendable () async -> Void) -> Task<Void, Never>

    package init(
        now: @escaping @Sendable () -> Instant, wallTime: @escaping @Sendable () -> Timestamp,
        sleep: @escaping @Sendable (Instant) async -> Void,
        spawn: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Task<Void, Never>
    ) {
        self.now = now
        self.wallTime = wallTime
        self.sleep = sleep
        self.spawn = spawn
    }

    /// Creates a source with these clocks and Swift's scheduling.
    ///
    /// A sleep lasts at most one second of real time. So a sleeper notices that a test stepped the clock, or that its owner is
    /// gone.
    package init(now: @escaping @Sendable () -> Instant, wallTime: @escaping @Sendable () -> Timestamp) {
        self.init(
            now: now, wallTime: wallTime,
            sleep: { moment in try? await Task.sleep(for: min(.seconds(1), max(.zero, now().duration(to: moment)))) },
            spawn: { operation in Task.detached { await operation() } })
    }
}
