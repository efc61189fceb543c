import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanServer

@Suite("Reading the statistics")
struct CoalescedStatisticsReaderTests {
    /// Readings that wait until they are let go on. Each gives its number.
    private final class Readings: Sendable {
        private struct State {
            var begun: UInt8 = 0
            var waiting: [CheckedContinuation<Void, Never>] = []
        }

        private let state = NIOLockedValueBox(State())

        var begun: UInt8 { state.withLockedValue { $0.begun } }

        func read() async -> [UInt8] {
            var number: UInt8 = 0
            await withCheckedContinuation { continuation in
                state.withLockedValue { state in
                    state.begun += 1
                    number = state.begun
                    state.waiting.append(continuation)
                }
            }
            return [number]
        }

        func letGo() {
            let waiting = state.withLockedValue { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    @Test("one is under way at a time, and who comes meanwhile shares the next, which begins after they came")
    func shared() async throws {
        let readings = Readings()
        let reading = CoalescedStatisticsReader(readings.read)
        let first = reading.join()
        try await eventually("the first is under way") { readings.begun == 1 }
        let others = (0..<20).map { _ in reading.join() }
        readings.letGo()
        #expect(await first.value == [1])
        try await eventually("the second is under way") { readings.begun == 2 }
        let late = reading.join()
        readings.letGo()
        for other in others { #expect(await other.value == [2]) }
        try await eventually("the third is under way") { readings.begun == 3 }
        readings.letGo()
        #expect(await late.value == [3])
    }
}
