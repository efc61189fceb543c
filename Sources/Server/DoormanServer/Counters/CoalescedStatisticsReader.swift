internal import NIOConcurrencyHelpers

/// Reads the statistics for any number of readers, one read at a time. A reader that comes during a read joins the next one. So
/// each result includes everything that happened before the reader asked, and frequent readers cost little.
final class CoalescedStatisticsReader<Statistics: Sendable>: Sendable {
    private struct State {
        /// The read that begins after the last one, and that new readers join.
        var next: Task<Statistics, Never>?
        var last: Task<Statistics, Never>?
    }

    private let state = NIOLockedValueBox(State())
    private let read: @Sendable () async -> Statistics

    /// - Parameter read: Reads the statistics, or makes another form of them such as a response frame's data.
    init(_ read: @escaping @Sendable () async -> Statistics) {
        self.read = read
    }

    /// Joins the next read.
    ///
    /// - Returns: A task with what was read.
    func join() -> Task<Statistics, Never> {
        state.withLockedValue { state in
            if let next = state.next { return next }
            let task = Task { [last = state.last] in
                _ = await last?.value
                return await begin()
            }
            state = State(next: task, last: task)
            return task
        }
    }

    private func begin() async -> Statistics {
        // Readers that come from now on would miss events, and join the next read.
        state.withLockedValue { $0.next = nil }
        return await read()
    }
}
