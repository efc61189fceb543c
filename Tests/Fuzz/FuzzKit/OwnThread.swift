private import Glibc
internal import NIOConcurrencyHelpers

/// Runs asynchronous code to its end on the fuzzer's thread. An input takes the same steps in every run, a crash has the input's
/// stack, and no thread pool competes with other fuzzers.
package final class OwnThread: TaskExecutor {
    private let jobs = NIOLockedValueBox<[UnownedJob]>([])

    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLockedValue { $0.append(job) }
    }

    /// - Parameter operation: Code that waits for nothing outside of itself.
    package func run<Value: Sendable>(_ operation: @escaping @Sendable () async -> Value) -> Value {
        let result = NIOLockedValueBox<Value?>(nil)
        Task(executorPreference: self) {
            let value = await operation()
            result.withLockedValue { $0 = value }
        }
        while true {
            if let job = takeJob() {
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            } else if let value = result.withLockedValue(\.self) {
                return value
            } else {
                // A library with an executor of its own runs the job.
                sched_yield()
            }
        }
    }

    private func takeJob() -> UnownedJob? {
        jobs.withLockedValue { $0.isEmpty ? nil : $0.removeFirst() }
    }
}
