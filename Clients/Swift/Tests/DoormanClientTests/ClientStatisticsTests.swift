import DoormanClient
import DoormanCore
import DoormanWire
import TestKit
import Testing

@Suite("statistics over a socket", .timeLimit(.minutes(2)))
struct ClientStatisticsTests {
    private func patient(_ peer: ScriptedPeer) -> DoormanClient {
        var configuration = DoormanClientConfiguration()
        configuration.timeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        return DoormanClient(target: peer.target, configuration: configuration)
    }

    @Test("the server's counters arrive")
    func statistics() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        var expected = ServerStatistics()
        expected.uptime = .seconds(7)
        expected.counters[.cacheHits] = 42
        async let statistics = client.statistics(timeout: .seconds(50))
        let connection = try await peer.accept()
        let call = try await connection.nextCall()
        #expect(call.method == .statistics)
        let left = try #require(call.timeout)
        #expect(left > .seconds(20) && left <= .seconds(50))
        try await connection.answer(call, ResponseEncoder.encode(expected))
        #expect(try await statistics == expected)
        await client.close()
    }

    @Test("a call without permission, or to an older server, is not retryable")
    func notRetryable() async throws {
        let peer = try ScriptedPeer()
        let client = patient(peer)
        var connection: PeerConnection?
        for (failure, kind) in [(Failure.callerNotAllowed, UnavailableReason.callerNotAllowed), (.unimplemented, .unimplemented)] {
            let asking = Task { try await client.statistics() }
            if connection == nil { connection = try await peer.accept() }
            let open = try #require(connection)
            try await open.answer(open.nextCall(), FailureResponse(failure, "not you"))
            let error = await #expect(throws: DoormanError.self) { try await asking.value }
            #expect(error?.kind == .unavailable(kind))
            #expect(error?.isRetryable == false)
        }
        await client.close()
    }
}
