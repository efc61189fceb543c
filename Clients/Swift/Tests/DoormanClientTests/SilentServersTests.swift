import DoormanSupport
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanClient

@Suite("servers that fall silent", .timeLimit(.minutes(2)))
struct SilentServersTests {
    @Test("one that hangs loses its calls to others, gets none while it hangs, and some again when it doesn't")
    func hanging() async throws {
        let servers = try AnsweringServers(3) { $0.suspectSoon() }
        try await servers.reachAll()
        servers.peers[0].behave(.hung)
        for _ in 0..<5 { try await servers.client.verifyTokens(30) }
        let hung = servers.peers[0].calls.count
        try await servers.client.verifyTokens(100)
        #expect(servers.peers[0].calls.count == hung)
        servers.peers[0].behave(.serving)
        try await eventually("it gets calls again") {
            try await servers.client.verifyTokens(10)
            return servers.peers[0].calls.count > hung
        }
        await servers.client.close()
    }

    @Test("calls for one that is silent wait for it, and cost nothing of the budget, since it has not got them")
    func silence() async throws {
        let servers = try AnsweringServers(1) {
            $0.suspectSoon()
            ($0.retryRatio, $0.retriesPerSecond) = (0, 0)
        }
        try await servers.client.verifyTokens(1)
        servers.peers[0].behave(.hung)
        let lost = Task { try await servers.client.verify("EMAWlost", timeout: .seconds(1)) }
        try await eventually("it is suspected") { servers.peers[0].pings > 0 }
        let error = await #expect(throws: DoormanError.self) {
            try await servers.client.verify("EMAWlate", timeout: .milliseconds(100))
        }
        #expect(error?.kind == .unavailable(.unreachable))
        #expect(error?.message.contains("doesn't answer") == true)
        async let patient = servers.client.verify("EMAWpatient")
        await #expect(throws: DoormanError.self) { try await lost.value }
        servers.peers[0].behave(.serving)
        #expect(try await patient.accountID == "EMAWpatient")
        #expect(servers.peers[0].calls.filter { $0 != "EMAW0" } == ["EMAWlost", "EMAWpatient"])
        #expect(servers.retries("hung") == 0)
        await servers.client.close()
    }

    @Test("the calls of one that hangs go elsewhere as the budget grows, not only those that it had room for at first")
    func growingBudget() async throws {
        let servers = try AnsweringServers(2) {
            $0.suspectSoon()
            ($0.retryRatio, $0.retriesPerSecond) = (0.1, 0)
        }
        try await servers.reachAll()
        servers.peers[0].behave(.hung)
        let areAnswered = NIOLockedValueBox(false)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await servers.client.verifyTokens(40)
                areAnswered.withLockedValue { $0 = true }
            }
            try await eventually("the first of them go elsewhere") { servers.retries("hung") > 0 }
            while !areAnswered.withLockedValue({ $0 }) { try await servers.client.verifyTokens(10, prefix: "EMAWmore") }
            try await tasks.waitForAll()
        }
        let answered = servers.peers[1].calls.count
        #expect(servers.retries("hung") <= Int64(answered + servers.peers[0].calls.count) / 10)
        await servers.client.close()
    }

    @Test("when the last one is lost, one that was down for long is tried at once, and not at the end of its pause")
    func resetBackoff() async throws {
        let servers = try AnsweringServers(2) {
            $0.suspectSoon()
            $0.firstBackoff = .milliseconds(2)
            $0.longestBackoff = .seconds(3600)
        }
        try await servers.reachAll()
        servers.peers[1].behave(.draining)
        var pauseEnd = Instant(nanoseconds: 0)
        try await eventually("its pause has become long") {
            try await servers.client.verifyTokens(10)
            pauseEnd = try await servers.pauseEnd(of: servers.peers[1]) ?? pauseEnd
            return pauseEnd > Instant.now.advanced(by: .seconds(2))
        }
        servers.peers[1].behave(.serving)
        servers.peers[0].behave(.hung)
        #expect(try await servers.client.verify("EMAWhurry").accountID == "EMAWhurry")
        #expect(Instant.now < pauseEnd)
        await servers.client.close()
    }
}

extension DoormanClientConfiguration {
    fileprivate mutating func suspectSoon() {
        suspicionAfter = .milliseconds(50)
        pingTimeout = .milliseconds(50)
    }
}
