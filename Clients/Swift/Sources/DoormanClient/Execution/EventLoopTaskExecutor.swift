internal import Dispatch
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Runs tasks on a client's event loop, in the order in which they become ready.
final class EventLoopTaskExecutor: TaskExecutor {
    private struct Queue {
        var jobs: [UnownedJob] = []
        /// What the last turn used, for the next.
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
        // One turn for all that become ready until then, such as those whose answers came in one read.
        if !isScheduled {
            eventLoop.execute {
                self.queue.withLockedValue { $0.isScheduled = false }
                self.runJobs()
            }
        }
    }

    /// Runs what is ready. Called on the event loop: also as soon as a read's answers are given out, while the processor's cache still
    /// has them.
    ///
    /// Never from inside a job, of this executor or another: jobs that run inside one another would use up the stack. One of this
    /// executor that does it all the same leaves the others to the next turn.
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

/// What blocks, and so has no place on an event loop: looking names up, reading certificates.
///
/// On Dispatch's threads, as NIO's own resolver is: NIO's shared thread pool is never let go, which LeakSanitizer takes for a leak.
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
