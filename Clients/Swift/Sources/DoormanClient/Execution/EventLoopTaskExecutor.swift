internal import Dispatch
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Runs tasks on a client's event loop, in the order in which they become ready.
final class EventLoopTaskExecutor: TaskExecutor {
    private struct Queue {
        var jobs: [UnownedJob] = []
        /// The empty array of the last turn, which the next turn reuses.
        var spare: [UnownedJob] = []
        var isScheduled = false
        var isRunning = false
    }

    private let eventLoop: any EventLoop
    private let queue = NIOLockedValueBox(Queue())

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isScheduled = queue.withLockedValue { queue in
            queue.jobs.append(job)
            defer { queue.isScheduled = true }
            return queue.isScheduled
        }
        // One turn runs all jobs that become ready until then, such as those of the responses of one read.
        if !isScheduled {
            eventLoop.execute {
                self.queue.withLockedValue { $0.isScheduled = false }
                self.runJobs()
            }
        }
    }

    /// Runs the jobs that are ready. Called on the event loop, and after each read, while the processor's cache has the responses.
    ///
    /// It must not be called by a job, because nested jobs could exhaust the stack. If a job of this executor calls it, it returns, and the
    /// other jobs run in the next turn.
    func runJobs() {
        let ready = queue.withLockedValue { queue -> [UnownedJob]? in
            guard !queue.isRunning, !queue.jobs.isEmpty else { return nil }
            queue.isRunning = true
            let jobs = queue.jobs
            queue.jobs = queue.spare
            queue.spare = []
            return jobs
        }
        guard var jobs = ready else { return }
        for job in jobs { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        jobs.removeAll(keepingCapacity: jobs.capacity <= 4096)
        queue.withLockedValue { queue in
            queue.spare = jobs
            queue.isRunning = false
        }
    }
}

/// Runs blocking work outside of the event loop: name resolution, and reading certificates.
///
/// It uses Dispatch's threads, as NIO's resolver does, because NIO's shared thread pool is never released, and LeakSanitizer reports it.
enum BlockingWork {
    static func run<Result: Sendable>(
        on eventLoop: any EventLoop, _ body: @escaping @Sendable () throws -> Result
    ) -> EventLoopFuture<Result> {
        let promise = eventLoop.makePromise(of: Result.self)
        DispatchQueue.global().async {
            do {
                promise.succeed(try body())
            } catch {
                promise.fail(error)
            }
        }
        return promise.futureResult
    }
}
