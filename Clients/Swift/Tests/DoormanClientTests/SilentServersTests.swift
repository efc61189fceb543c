import DoormanSupport
import TestKit
import Testing

@testable import DoormanClient

@Suite("servers that fall silent", .timeLimit(.minutes(2)))
struct SilentServersTests {
    /// The time after which a silent server is suspected, which is also the timeout of health checks.
    private static let suspicion = Duration.milliseconds(50)
    /// The time after which a health check has failed: the timeout and one tick.
    private static let pingTimeout = Duration.milliseconds(75)
    private static let tick = Duration.milliseconds(25)
    /// The maximum of the first two back-offs.
    private static let pause = Duration.milliseconds(200)

    /// Starts servers, and makes calls until each has received one.
    private func reached(
        _ count: Int, _ change: (inout DoormanClientConfiguration) -> Void = { _ in }
    ) async throws -> (servers: RespondingServers, time: SteppedTime) {
        let time = SteppedTime()
        let servers = try RespondingServers(count, time: time) { configuration in
            configuration.suspicionAfter = Self.suspicion
            configuration.pingTimeout = Self.suspicion
            change(&configuration)
        }
        try await servers.reachAll()
        return (servers, time)
    }

    @Test("the calls of a hung server move to other servers")
    func movedCalls() async throws {
        let (servers, time) = try await reached(3)
        servers.peers[0].behave(.hung)
        let calls = try await servers.beginCalls(30)
        let hung = servers.peers[0].calls.count
        #expect(calls.ended < 30)
        try await time.advance(by: Self.suspicion)
        try await servers.peers[0].isPinged()
        // Late once: a response that this process has not read yet may be there.
        try await time.advance(by: Self.pingTimeout - Self.tick)
        #expect(servers.retries("hung") == 0)
        try await time.advance(by: Self.tick)
        try await eventually("all calls have ended") { calls.ended == 30 }
        #expect(calls.errors.isEmpty)
        #expect(servers.peers[0].calls.count == hung)
        await servers.client.close()
    }

    @Test("a hung server gets no calls until it passes a health check")
    func probing() async throws {
        let (servers, time) = try await reached(3)
        let peer = servers.peers[0]
        peer.behave(.hung)
        let calls = try await servers.beginCalls(30)
        let hung = peer.calls.count
        try await time.advance(by: Self.suspicion)
        try await peer.isPinged()
        try await servers.client.verifyTokens(100, prefix: "EMAWsuspected")
        try await time.advance(by: Self.pingTimeout)
        try await eventually("all calls have ended") { calls.ended == 30 }
        try await servers.client.verifyTokens(100, prefix: "EMAWpausing")
        try await time.advance(by: Self.pause)
        try await peer.isPinged(2)
        try await servers.client.verifyTokens(100, prefix: "EMAWprobed")
        #expect(peer.calls.count == hung)

        try await time.advance(by: Self.pingTimeout)
        peer.behave(.serving)
        try await time.advance(by: Self.pause)
        try await eventually("it gets calls again") {
            try await servers.client.verifyTokens(10)
            return peer.calls.count > hung
        }
        #expect(peer.pings == 3)
        await servers.client.close()
    }

    @Test("a call waits for the only server while that is silent")
    func silence() async throws {
        let (servers, time) = try await reached(1) { ($0.retryRatio, $0.retriesPerSecond) = (0, 0) }
        let (client, peer) = (servers.client, servers.peers[0])
        let before = peer.calls.count
        peer.behave(.hung)
        let lost = Task { try await client.verify("EMAWlost", timeout: .seconds(1)) }
        try await eventually("the server has the call") { peer.calls.count == before + 1 }
        try await time.advance(by: Self.suspicion)
        try await peer.isPinged()

        let late = Task { try await client.verify("EMAWlate", timeout: .milliseconds(100)) }
        try await client.hasLiveCalls(2)
        try await time.advance(by: .milliseconds(100))
        let error = await #expect(throws: DoormanError.self) { try await late.value }
        #expect(error?.kind == .unavailable(.unreachable))
        #expect(error?.message.contains("doesn't respond") == true)

        let patient = Task { try await client.verify("EMAWpatient") }
        try await client.hasLiveCalls(2)
        try await time.advance(by: .seconds(1))
        await #expect(throws: DoormanError.self) { try await lost.value }
        try await peer.isPinged(2)
        try await time.advance(by: Self.pingTimeout)
        peer.behave(.serving)
        try await time.advance(by: Self.pause)
        #expect(try await patient.value.accountID == "EMAWpatient")
        #expect(peer.calls.dropFirst(before) == ["EMAWlost", "EMAWpatient"])
        // The call that waited was never sent, so that it needs no retry.
        #expect(servers.retries("hung") == 0)
        await client.close()
    }

    @Test("the calls of a hung server move as the retry budget grows")
    func growingBudget() async throws {
        let (servers, time) = try await reached(2) { ($0.retryRatio, $0.retriesPerSecond) = (0.125, 0) }
        let peer = servers.peers[0]
        let before = servers.peers.reduce(0) { $0 + $1.calls.count }
        peer.behave(.hung)
        // Half of these calls are more than an eighth of all, however many calls were made before.
        let begun = before + 80
        let calls = try await servers.beginCalls(begun)
        let hung = begun - calls.ended
        try await time.advance(by: Self.suspicion)
        try await peer.isPinged()
        try await time.advance(by: Self.pingTimeout)
        var made = before + begun
        #expect(hung > made / 8, "the budget is not enough for all at first")
        #expect(servers.retries("hung") == made / 8)
        for _ in 0..<hung where servers.retries("hung") < hung {
            try await servers.client.verifyTokens(10, prefix: "EMAWmore")
            made += 10
            try await time.advance(by: Self.tick)
            #expect(servers.retries("hung") == min(hung, made / 8))
        }
        try await eventually("all calls have ended") { calls.ended == begun }
        #expect(calls.errors.isEmpty)
        await servers.client.close()
    }

    @Test("the loss of the last ready server ends the back-off of another")
    func resetBackoff() async throws {
        let (servers, time) = try await reached(2) {
            $0.firstBackoff = .milliseconds(100)
            $0.longestBackoff = .seconds(3600)
        }
        let (last, other) = (servers.peers[0], servers.peers[1])
        other.behave(.draining)
        try await eventually("a call finds that it drains") {
            try await servers.client.verifyTokens(10)
            return try await servers.pauseEnd(of: other) != nil
        }
        var pauseEnd = try #require(try await servers.pauseEnd(of: other))
        while pauseEnd < time.now.advanced(by: .seconds(2)) {
            let before = other.pings
            try await time.advance(by: time.now.duration(to: pauseEnd))
            try await eventually("the next pause has begun") {
                pauseEnd = try await servers.pauseEnd(of: other) ?? time.now
                return pauseEnd > time.now
            }
            #expect(other.pings == before + 1)
        }
        // The minimum back-off.
        try await time.advance(by: .milliseconds(100))
        other.behave(.serving)
        last.behave(.hung)
        let before = (pings: other.pings, calls: last.calls.count)
        let call = Task { try await servers.client.verify("EMAWhurry") }
        try await eventually("the last server has the call") { last.calls.count == before.calls + 1 }
        try await time.advance(by: Self.suspicion + Self.tick)
        try await eventually("the other server takes calls") { try await servers.isReady(other) }
        #expect(other.pings == before.pings + 1)
        try await time.advance(by: Self.pingTimeout)
        #expect(try await call.value.accountID == "EMAWhurry")
        #expect(time.now < pauseEnd)
        await servers.client.close()
    }
}

extension RespondingPeer {
    /// Returns when the peer has received this number of health checks.
    fileprivate func isPinged(_ count: Int = 1) async throws {
        try await eventually("health check \(count) comes") { pings >= count }
    }
}
