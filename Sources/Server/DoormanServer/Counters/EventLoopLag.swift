internal import DoormanSupport
internal import NIOCore

/// Records how late each event loop runs a task that is due once a second.
///
/// A timer sees every cause: a task that holds the loop, a process without processor time, and a machine that stands still.
struct EventLoopLag: Sendable {
    private static let interval = Duration.seconds(1)

    private let tasks: [RepeatedTask]

    /// Starts on each event loop of the group.
    init(_ group: any EventLoopGroup, _ dispatchers: PerEventLoop<RequestDispatcher>, now: @escaping @Sendable () -> Instant) {
        tasks = group.makeIterator().map { loop in
            let due = NIOLoopBoundBox.makeBoxSendingValue(now().advanced(by: Self.interval), eventLoop: loop)
            let interval = TimeAmount.nanoseconds(Self.interval.nanoseconds)
            return loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                let time = now()
                dispatchers[loop].counters.record(loopLag: max(.zero, due.value.duration(to: time)))
                // The next run is due an interval after this one, however late this one is.
                due.value = time.advanced(by: Self.interval)
            }
        }
    }

    func stop() {
        for task in tasks { task.cancel() }
    }
}
