package import DoormanCore
package import DoormanSupport
internal import NIOConcurrencyHelpers

/// A machine on which time passes only when no task can run, and on which the seed decides which task runs next.
///
/// It is the executor of all its tasks, on the thread that calls ``run(limit:)``. So the real code runs, including its locks and
/// continuations, in a reproducible order. It can't test two threads at once.
package final class World: TaskExecutor, Sendable {
    private struct State {
        var now = Instant(nanoseconds: 1_000_000_000_000)
        var random: SplitMix64
        var ready: [UnownedJob] = []
        var sleepers = Sleepers()
        var timerCount = 0
        var steps = 0
    }

    private static let wallStart = Timestamp(millisecondsSince1970: 1_500_000_000_000)
    private let state: NIOLockedValueBox<State>
    private let start: Instant

    package init(seed: UInt64) {
        let state = State(random: SplitMix64(seed: seed))
        start = state.now
        self.state = NIOLockedValueBox(state)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLockedValue { $0.ready.append(job) }
    }

    // MARK: - Time

    package var now: Instant { state.withLockedValue { $0.now } }

    package var wallTime: Timestamp { Self.wallStart.advanced(by: start.duration(to: now)) }

    /// Returns the monotonic time at a wall time.
    package func moment(of wallTime: Timestamp) -> Instant {
        start.advanced(by: .milliseconds(wallTime.millisecondsSince1970 - Self.wallStart.millisecondsSince1970))
    }

    package func sleep(until moment: Instant) async {
        await withCheckedContinuation { continuation in
            state.withLockedValue { $0.sleepers.insert(continuation, until: moment, number: $0.sleepers.nextNumber()) }
        }
    }

    package func sleep(for duration: Duration) async {
        await sleep(until: now.advanced(by: duration))
    }

    /// The time source of the code under test.
    package var timeSource: TimeSource {
        TimeSource(
            now: { self.now }, wallTime: { self.wallTime }, sleep: { await self.sleepAsTimer(until: $0) },
            spawn: { operation in self.spawn(operation) })
    }

    /// The number of tasks of the code under test that sleep.
    var timerCount: Int { state.withLockedValue { $0.timerCount } }

    /// Sleeps until a moment, or until the task is cancelled.
    private func sleepAsTimer(until moment: Instant) async {
        let number = state.withLockedValue { state in
            state.timerCount += 1
            return state.sleepers.nextNumber()
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLockedValue { $0.sleepers.insert(continuation, until: moment, number: number) }
                // A cancellation before the sleeper was added found nothing to end.
                if Task.isCancelled { endSleep(number) }
            }
        } onCancel: {
            endSleep(number)
        }
        state.withLockedValue { $0.timerCount -= 1 }
    }

    private func endSleep(_ number: UInt64) {
        state.withLockedValue { $0.sleepers.remove(number) }?.resume()
    }

    @discardableResult
    package func spawn(_ operation: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task.detached(executorPreference: self) { await operation() }
    }

    // MARK: - Randomness

    /// Draws from the random numbers of the seed.
    func draw<Value>(_ body: (inout SplitMix64) -> Value) -> Value {
        state.withLockedValue { body(&$0.random) }
    }

    // MARK: - Running

    /// Runs until no task can run and none sleeps.
    ///
    /// - Parameter limit: Maximum steps of tasks.
    /// - Returns: Whether the world came to rest within the limit.
    package func run(limit: Int) -> Bool {
        while true {
            if let job = nextJob() {
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            } else if let sleeper = nextSleeper() {
                sleeper.resume()
            } else {
                return true
            }
            guard
                state.withLockedValue({
                    $0.steps += 1; return $0.steps < limit
                })
            else { return false }
        }
    }

    private func nextJob() -> UnownedJob? {
        state.withLockedValue { state in
            guard !state.ready.isEmpty else { return nil }
            let choice = Int.random(in: 0..<state.ready.count, using: &state.random)
            state.ready.swapAt(choice, state.ready.count - 1)
            return state.ready.removeLast()
        }
    }

    /// Advances the clock to the first sleeper's deadline.
    private func nextSleeper() -> CheckedContinuation<Void, Never>? {
        state.withLockedValue { state in
            guard let sleeper = state.sleepers.removeFirst() else { return nil }
            state.now = max(state.now, sleeper.moment)
            return sleeper.continuation
        }
    }
}
