import DoormanClient
import Logging
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Rejection storms, end to end")
struct RejectionStormTests {
    @Test("a provider that suddenly rejects all tokens logs few users out, and an operator sees it")
    func storm() async throws {
        let recorder = LogRecorder()
        try await Stack.run(
            settings: {
                $0.cache.ttl = .milliseconds(300)
                $0.cache.staleRefreshInterval = .milliseconds(10)
            }, logger: Logger(label: "test", factory: { _ in recorder })
        ) { stack in
            let tokens = try (0..<60).map { try stack.emulator.logIn(phone: "+1555\(1_000_000 + $0)") }
            for token in tokens { #expect(await stack.verify(token) == "OK") }
            stack.emulator.setFault(.errorDataList, for: .me)
            try await eventually("a storm begins") {
                for token in tokens { _ = await stack.verify(token) }
                return stack.dependencies.verifier.statistics.rejectionStorms > 0
            }
            var outcomes: [String: Int] = [:]
            for token in tokens { outcomes[await stack.verify(token), default: 0] += 1 }
            #expect(outcomes["rejected: TOKEN_REJECTED", default: 0] <= 19, "\(outcomes)")
            #expect(outcomes["OK", default: 0] >= 41, "\(outcomes)")
            #expect(stack.dependencies.verifier.statistics.rejectionStorms == 1)
            #expect(recorder.lines.filter { $0.hasPrefix("error rejection storm") && $0.contains(Stack.ours.id) }.count == 1)
            stack.emulator.clearFaults()
            try await eventually("the storm ends") {
                for token in tokens { _ = await stack.verify(token) }
                return recorder.lines.contains { $0.hasPrefix("notice rejection storm ended") }
            }
        }
    }
}
