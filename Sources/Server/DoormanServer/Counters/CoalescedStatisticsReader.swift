internal import NIOConcurrencyHelpers

/// Reads the statistics for any number of readers, one read at a time. A reader that comes during a read joins the next one. So
/// each result includes everything that happened before the reader asked, and frequent readers cost little.
final class CoalescedStatisticsReader: Sendable {
    private struct State {
        /// The read that begins after the last one, and that new readers join.
        var next: Task<[UInt8], Never>?
        var last: Task<[UInt8], Never>?
    }

    private let state = NIOLockedValueBox(State())
    private let read: @Sendable () async -> [UInt8]

    /// - Parameter read: Returns a response frame's data.
    init(_ read: @escaping @Sendable () async -> [UInt8]) {
        self.read = read
    }

    /// Joins the next read.
    ///
    /// - Returns: A task with the response frame's data.
    func join() -> Task<[UInt8], Never> {
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

    private func begin() async -> [UInt8] {
        // Readers that come from now on would miss events, and join the next read.
        state.withLockedValue { $0.next = nil }
        return await read()
    }
}
