import DoormanSupport
import MetricsTestKit
import TestKit
import Testing

@testable import DoormanClient

/// Servers, and a client of all of them with the ``DoormanClientConfiguration/patient`` configuration.
struct RespondingServers {
    let peers: [RespondingPeer]
    let client: DoormanClient
    private let metrics = TestMetrics()

    /// - Parameter time: The client's time. Default `nil`: real time.
    init(
        _ count: Int, time: SteppedTime? = nil, _ change: (inout DoormanClientConfiguration) -> Void = { _ in }
    ) throws {
        peers = try (0..<count).map { _ in try RespondingPeer() }
        var configuration = DoormanClientConfiguration.patient
        change(&configuration)
        let environment =
            if let time {
                Dispatcher.Environment(time: .stepped(time), metricsFactory: metrics)
            } else {
                Dispatcher.Environment(metricsFactory: metrics)
            }
        client = DoormanClient(targets: peers.map(\.target), configuration: configuration, environment: environment)
    }

    /// The number of retries for a cause.
    func retries(_ cause: String) -> Int64 {
        (try? metrics.expectCounter("doorman_client_retries_total", [("cause", cause)]))?.totalValue ?? 0
    }

    /// Returns the moment at which the client's back-off from a server ends; `nil` without a back-off.
    func pauseEnd(of peer: RespondingPeer) async throws -> Instant? {
        let target = peer.target
        return try await client.eventLoop.submit { [dispatcher = client.dispatcher] in
            let subchannel = dispatcher.value.subchannels.first { $0.server.target == target }
            guard let backoff = subchannel?.backoff else { return nil }
            return backoff.since.advanced(by: backoff.pause)
        }.get()
    }

    /// Begins calls in one turn of the event loop, so that they are spread over the servers before any response. Returns when every call
    /// has ended or has reached a hung server.
    func beginCalls(_ count: Int) async throws -> CallOutcomes {
        let before = peers.reduce(0) { $0 + $1.calls.count }
        let calls = CallOutcomes()
        try await client.eventLoop.submit { [client] in
            for number in 0..<count { try client.verify(Token("EMAWbegun\(number)")) { calls.add($0) } }
        }.get()
        try await eventually("the servers have the calls") {
            guard peers.reduce(0, { $0 + $1.calls.count }) == before + count else { return false }
            let hung = peers.filter(\.isHung).flatMap(\.calls).count { $0.hasPrefix("EMAWbegun") }
            return calls.ended == count - hung
        }
        return calls
    }

    /// Whether the client sends calls to a server.
    func isReady(_ peer: RespondingPeer) async throws -> Bool {
        let target = peer.target
        return try await client.eventLoop.submit { [dispatcher = client.dispatcher] in
            dispatcher.value.ready.contains { $0.server.target == target }
        }.get()
    }

    /// Makes calls until every server has received one.
    func reachAll() async throws {
        try await eventually("every server is called") {
            try await client.verifyTokens(10)
            return peers.allSatisfy { !$0.calls.isEmpty }
        }
    }
}

extension DoormanClient {
    /// Returns when the client has this number of calls that have not ended.
    func hasLiveCalls(_ count: Int) async throws {
        try await eventually("\(count) calls are made") {
            try await eventLoop.submit { [dispatcher] in dispatcher.value.liveCalls == count }.get()
        }
    }

    /// Returns when a connection has failed and no connection takes calls.
    func hasFailedToConnect() async throws {
        try await eventually("a connection fails") {
            try await eventLoop.submit { [dispatcher] in dispatcher.value.lastFailure != nil }.get()
        }
    }

    /// Verifies tokens concurrently. Each token belongs to the account of the same name.
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
