import DoormanClient
import TestKit
import Testing

@testable import DoormanDaemon
@testable import DoormanServer

@Suite("Connections that reach their maximum age", .timeLimit(.minutes(1)))
struct ConnectionAgeTests {
    /// Verifies a cached token until the server has ended `count` connections.
    ///
    /// - Parameter pause: The time between two calls.
    private func verify(_ stack: Stack, pause: Duration, untilEnded count: UInt64) async throws -> Int {
        let token = try stack.emulator.logIn(phone: "+15551234567")
        var calls = 0
        while await stack.server.counters().connectionsClosed["max_connection_age", default: 0] < count {
            // Any failure throws and fails the test.
            let outcome = await stack.verify(token)
            guard outcome == "OK" else { throw NeverHappened(description: outcome) }
            calls += 1
            if pause > .zero { try await Task.sleep(for: pause) }
        }
        return calls
    }

    @Test("a client of one server sees no failure")
    func quiet() async throws {
        try await Stack.run(settings: {
            $0.server.connection.maximumAge = .milliseconds(60)
            $0.server.connection.drainQuietPeriod = .milliseconds(5)
        }) { stack in
            let calls = try await verify(stack, pause: .milliseconds(20), untilEnded: 5)
            #expect(calls >= 5)
        }
    }

    @Test("a client of one server that is never quiet sees no failure")
    func busy() async throws {
        try await Stack.run(settings: {
            $0.server.connection.maximumAge = .milliseconds(50)
            $0.server.connection.retirementPeriod = .milliseconds(50)
        }) { stack in
            let start = ContinuousClock.now
            _ = try await verify(stack, pause: .zero, untilEnded: 5)
            // One after the other has lived until its maximum age.
            #expect(start.duration(to: .now) >= .milliseconds(5 * 50))
        }
    }
}
