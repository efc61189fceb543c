import DoormanCache
import DoormanCore
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@testable import DoormanFleet

/// Two nodes of one fleet on a store in memory.
@Suite("Two nodes on a store in memory", .timeLimit(.minutes(2)))
struct FleetOnStoreTests {
    @Test("the identity of an exchanged token costs the other node no request")
    func exchange() async throws {
        try await FleetStage.run { stage, _ in
            var identity = Identity(
                accountID: "1", applicationID: "", provider: "p", verifiedAt: TimeSource.system.wallTime())
            identity.validUntil = identity.verifiedAt.advanced(by: .seconds(3600))
            stage.provider.exchanges.script { [identity] _ in .success(.issued(FleetStage.token, identity)) }
            let issued = try await stage.first.verifier.exchange(
                ExchangeRequest(code: AuthorizationCode("code")), deadline: FleetStage.deadline)
            #expect(issued.identity?.freshness == .fresh)
            try await eventually("the identity is stored") { stage.first.fleet.statistics.counts.entriesShared == 1 }
            let other = stage.second.verifier
            let bytes = FleetStage.token.bytes
            let call = VerifyCall(validated: FleetStage.token, key: other.key(of: bytes.span))
            #expect(try await other.verify(call, deadline: FleetStage.deadline).verdict.identity?.accountID == "1")
            #expect(stage.provider.verifications.count == 0)
        }
    }

    @Test("lasting denials that the store has lost alone come back")
    func deletedDenials() async throws {
        try await FleetStage.run { stage, _ in
            let end = TimeSource.system.wallTime().advanced(by: .seconds(3600))
            stage.provider.revocations.script { _ in .success(.deniedLocally(until: end)) }
            try await stage.first.verifier.revoke(RevocationRequest(.token(FleetStage.token)), deadline: FleetStage.deadline)
            #expect(try await stage.denials() == 1)
            try await eventually("the other node denies the token") { stage.second.fleet.statistics.counts.revocationsApplied == 1 }
            stage.store.emptySets()
            try await eventually("the denial is in the store again") { try await stage.denials() > 0 }
        }
    }
}
