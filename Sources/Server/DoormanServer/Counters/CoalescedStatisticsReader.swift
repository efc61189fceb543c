internal import NIOConcurrencyHelpers

/// Reads the statistics once at a time, however many ask: who comes while they are read shares the next reading with all that come
/// meanwhile. So no reader is told less than had happened when it asked, and asking often costs the server little.
final class CoalescedStatisticsReader: Sendable {
    private struct State {
        /// The one that begins when the last is over.
        var next: Task<[UInt8], Never>?
        var last: Task<[UInt8], Never>?
    }

    private let state = NIOLockedValueBox(State())
    private let read: @Sendable () async -> [UInt8]

    /// - Parameter read: Gives the data of a response frame.
    init(_ read: @escaping @Sendable () async -> [UInt8]) {
        self.read = read
    }

    /// The next reading, whose value is the data of a response frame.
    func join() -> Task<[UInt8], Never> {
        state.withLockedValue { state in
            if let next = state.next { return next }
            let reading = Task { [last = state.last] in
                _ = await last?.value
                return await begin()
            }
            state = State(next: reading, last: reading)
            return reading
        }
    }

    private func begin() async -> [UInt8] {
        // Who comes from here on would miss what is read already.
        state.withLockedValue { $0.next = nil }
        return await read()
    }
}
