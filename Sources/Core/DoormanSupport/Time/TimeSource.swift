package import DoormanCore

/// All that depends on time and on who runs when: two clocks, waiting, and tasks that belong to nobody. Tests put in clocks that
/// they step; the simulator puts in a world in which all of it happens in an order that a seed decides.
package struct TimeSource: Sendable {
    /// The clock that only goes forward, for deadlines and ages.
    package let now: @Sendable () -> Instant
    /// Civil time, for people. It may be set back.
    package let wallTime: @Sendable () -> Timestamp
    /// Suspends the task until the moment has come, or for a while: whoever calls it looks at the clock again.
    package let sleep: @Sendable (Instant) async -> Void
    /// Runs a task that no caller waits for, and that nobody cancels.
    package let spawn: @Sendable (@escaping @Sendable () async -> Void) -> Void

    package init(
        now: @escaping @Sendable () -> Instant, wallTime: @escaping @Sendable () -> Timestamp,
        sleep: @escaping @Sendable (Instant) async -> Void,
        spawn: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Void
    ) {
        self.now = now
        self.wallTime = wallTime
        self.sleep = sleep
        self.spawn = spawn
    }

    /// These clocks, with tasks as Swift runs them. Sleeps a second of real time at most, so that a clock that is stepped is
    /// looked at again, and a sleeper that nobody needs any more is soon gone.
    package init(now: @escaping @Sendable () -> Instant, wallTime: @escaping @Sendable () -> Timestamp) {
        self.init(
            now: now, wallTime: wallTime,
            sleep: { moment in try? await Task.sleep(for: min(.seconds(1), max(.zero, now().duration(to: moment)))) },
            spawn: { operation in Task.detached { await operation() } })
    }
}

extension TimeSource {
    /// Calls `action` once the moment has come; not at all if the owner is gone by then.
    package func wake<Owner: AnyObject & Sendable>(
        _ owner: Owner, at moment: Instant, _ action: @escaping @Sendable (Owner) -> Void
    ) {
        spawn { [weak owner] in
            while owner != nil, now() < moment { await sleep(moment) }
            if let owner { action(owner) }
        }
    }
}
