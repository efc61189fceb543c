import DoormanSupport
import MetricsTestKit
import TestKit
import Testing

@testable import DoormanClient

/// Servers, and a client of all of them whose calls wait as long as a slow machine needs, and that suspects no server for being slow
/// unless it is told so.
struct AnsweringServers {
    let peers: [AnsweringPeer]
    let client: DoormanClient
    private let metrics = TestMetrics()

    init(_ count: Int, _ change: (inout DoormanClientConfiguration) -> Void = { _ in }) throws {
        peers = try (0..<count).map { _ in try AnsweringPeer() }
        var configuration = DoormanClientConfiguration.patient
        change(&configuration)
        client = DoormanClient(
            targets: peers.map(\.target), configuration: configuration, resolver: .system, metricsFactory: metrics)
    }

    /// How many calls were sent again for that cause.
    func retries(_ cause: String) -> Int64 {
        (try? metrics.expectCounter("doorman_client_retries_total", [("cause", cause)]))?.totalValue ?? 0
    }

    /// Returns when the client's pause after a failure of a server ends; `nil` if there is no pause.
    func pauseEnd(of peer: AnsweringPeer) async throws -> Instant? {
        let target = peer.target
        return try await client.eventLoop.submit { [dispatcher = client.dispatcher] in
            let subchannel = dispatcher.value.subchannels.first { $0.server.target == target }
            guard let backoff = subchannel?.backoff else { return nil }
            return backoff.since.advanced(by: backoff.pause)
        }.get()
    }

    /// Makes calls until every server has had one.
    func reachAll() async throws {
        try await eventually("every server is called") {
            try await client.verifyTokens(10)
            return peers.allSatisfy { !$0.calls.isEmpty }
        }
    }
}

extension DoormanClient {
    /// Verifies so many tokens at the same time, each of which is the account of the same name.
    func verifyTokens(_ count: Int, prefix: String = "EMAW") async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<count {
                tasks.addTask {
                    let token = "\(prefix)\(number)"
                    let identity = try await self.verify(token)
                    #expect(identity.accountID == token)
                }
            }
            try await tasks.waitForAll()
        }
    }
}
