import DoormanCore
import DoormanSupport
import TestKit
import Testing

@testable import DoormanFleet

/// A node that has restarted with the next secret, beside one that knows the previous one only; and stores that take no writes.
@Suite("Nodes with different secrets", .timeLimit(.minutes(2)))
struct FleetRotationTests {
    private static let rotated = FleetSecrets(
        [Array(repeating: 2, count: FleetSecrets.secretBytes), FleetStage.secret], tag: "test")

    private static func deadline(in time: Duration) -> Deadline { Deadline(TimeSource.system.now().advanced(by: time)) }

    @Test("a lasting denial under the previous secret empties the cache once, and not each time that it is read")
    func lastingDenial() async throws {
        try await FleetStage.run(rotated: Self.rotated) { stage, _ in
            stage.acceptEveryToken()
            let end = TimeSource.system.wallTime().advanced(by: .seconds(3600))
            stage.provider.revocations.script { _ in .success(.deniedLocally(until: end)) }
            _ = try await stage.first.verifier.revoke(
                RevocationRequest(.token(FleetStage.token)), deadline: FleetStage.deadline)
            try await eventually("the other node knows") { stage.second.counts.revocationsApplied == 1 }
            #expect(try await stage.second.verify(FleetStage.token).identity == nil)
            _ = try await stage.second.verify(Token("EMAWother1"))
            let requests = stage.provider.verifications.count
            var last = Instant(nanoseconds: 0)
            for _ in 0..<3 {
                try await eventually("the denials are read again", within: .seconds(30)) {
                    stage.second.fleet.state.withLockedValue { $0.denialsReadAt } > last
                }
                last = stage.second.fleet.state.withLockedValue { $0.denialsReadAt }
                #expect(try await stage.second.verify(Token("EMAWother1")).identity != nil)
                #expect(try await stage.second.verify(FleetStage.token).identity == nil)
            }
            #expect(stage.provider.verifications.count == requests)
        }
    }

    @Test("a revocation ends soon while the store takes sessions and no writes")
    func storeWithoutWrites() async throws {
        try await FleetStage.run(nodes: 1) { stage, _ in
            stage.provider.revocations.script { _ in .success(.revoked) }
            stage.store.failAppends(with: .refused("NOREPLICAS"))
            try await eventually("the node counts the store as away", within: .seconds(30)) {
                stage.first.fleet.state.withLockedValue { $0.isCutOff(at: TimeSource.system.now()) }
            }
            let start = TimeSource.system.now()
            let error = await #expect(throws: VerificationError.self) {
                try await stage.first.verifier.revoke(
                    RevocationRequest(.token(FleetStage.token)), deadline: Self.deadline(in: .seconds(60)))
            }
            #expect(error?.code == .storeUnavailable)
            #expect(start.duration(to: TimeSource.system.now()) < .seconds(20))
        }
    }
}
