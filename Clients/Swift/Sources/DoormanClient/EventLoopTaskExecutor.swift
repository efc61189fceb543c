internal import NIOConcurrencyHelpers
internal import NIOCore

/// Runs tasks on a client's event loop, in the order in which they become ready.
final class EventLoopTaskExecutor: TaskExecutor {
    private struct Queue {
        var jobs: [UnownedJob] = []
        /// What the last turn used, for the next.
        var spare: [UnownedJob] = []
        var isScheduled = false
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
        if !isScheduled { eventLoop.execute { self.runJobs() } }
    }

    private func runJobs() {
        var jobs = queue.withLockedValue { queue in
            queue.isScheduled = false
            let jobs = queue.jobs
            queue.jobs = queue.spare
            queue.spare = []
            return jobs
        }
        for job in jobs { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        jobs.removeAll(keepingCapacity: jobs.capacity <= 4096)
        queue.withLockedValue { $0.spare = jobs }
    }
}
