import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanServer

@Suite("Coalesced statistics reads")
struct CoalescedStatisticsReaderTests {
    /// Reads that wait until they are released. Each returns its number.
    private final class ScriptedReads: Sendable {
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

        func release() {
            let waiting = state.withLockedValue { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    @Test("readers that come during a read share the next one")
    func shared() async throws {
        let reads = ScriptedReads()
        let reader = CoalescedStatisticsReader(reads.read)
        let first = reader.join()
        try await eventually("the first read begins") { reads.begun == 1 }
        let others = (0..<20).map { _ in reader.join() }
        reads.release()
        #expect(await first.value == [1])
        try await eventually("the second read begins") { reads.begun == 2 }
        let late = reader.join()
        reads.release()
        for other in others { #expect(await other.value == [2]) }
        try await eventually("the third read begins") { reads.begun == 3 }
        reads.release()
        #expect(await late.value == [3])
    }
}
