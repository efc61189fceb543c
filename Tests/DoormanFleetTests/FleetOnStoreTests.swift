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
    private static let token = Token("EMAWtesttoken0001")
    private static var deadline: Deadline { Deadline(TimeSource.system.now().advanced(by: .seconds(60))) }

    /// Two nodes with one provider.
    private struct Stage {
        let store: MemoryStore
        let provider = ScriptedProvider()
        let first: (fleet: Fleet, verifier: CachingVerifier)
        let second: (fleet: Fleet, verifier: CachingVerifier)

        /// Runs the nodes for as long as `body` runs.
        static func run(_ body: (Stage) async throws -> Void) async throws {
            let stage = try Stage()
            let tasks = [stage.first, stage.second].map { node in Task { await node.fleet.run(applyingTo: node.verifier) } }
            defer { for task in tasks { task.cancel() } }
            try await eventually("both nodes are caught up") {
                [stage.first, stage.second].allSatisfy { $0.fleet.statistics.caughtUpAge != nil }
            }
            try await body(stage)
        }

        private init() throws {
            let time = TimeSource.system
            let store = MemoryStore(timeSource: time)
            let secrets = FleetSecrets([Array(repeating: 1, count: 32)], tag: "test")
            var settings = FleetSettings(revocationBound: .seconds(2), cache: CacheSettings(), callTimeout: .seconds(2))
            settings.denialsInterval = .milliseconds(100)
            let provider = provider
            func makeNode(_ number: UInt8) throws -> (Fleet, CachingVerifier) {
                let fleet = Fleet(
                    store: store, secrets: secrets, node: NodeID(bytes: Array(repeating: number, count: NodeID.byteCount)),
                    settings: settings, timeSource: time, fingerprint: { Array($0.utf8) })
                let verifier = try CachingVerifier(
                    CachingVerifier.Sources(upstream: provider, fleet: fleet), settings: CacheSettings(), timeSource: time,
                    coding: VerdictCoding(encode: { _ in EncodedResponse() }),
                    randomness: CacheRandomness(secret: secrets.cacheKeySecrets[0].secret))
                return (fleet, verifier)
            }
            (self.store, first, second) = (store, try makeNode(1), try makeNode(2))
        }

        /// The lasting denials in the store.
        func denials() async throws -> Int {
            let key = first.fleet.state.withLockedValue { $0.secrets.denialsKey }
            return try await store.openSession().members(of: key, from: 0, offset: 0, limit: 100).count
        }
    }

    @Test("the identity of an exchanged token costs the other node no request")
    func exchange() async throws {
        try await Stage.run { stage in
            var identity = Identity(
                accountID: "1", applicationID: "", provider: "p", verifiedAt: TimeSource.system.wallTime())
            identity.validUntil = identity.verifiedAt.advanced(by: .seconds(3600))
            stage.provider.exchanges.script { [identity] _ in .success(.issued(Self.token, identity)) }
            let issued = try await stage.first.verifier.exchange(
                ExchangeRequest(code: AuthorizationCode("code")), deadline: Self.deadline)
            #expect(issued.identity?.freshness == .fresh)
            try await eventually("the identity is stored") { stage.first.fleet.statistics.counts.entriesShared == 1 }
            let other = stage.second.verifier
            let bytes = Self.token.bytes
            let call = VerifyCall(validated: Self.token, key: other.key(of: bytes.span))
            #expect(try await other.verify(call, deadline: Self.deadline).verdict.identity?.accountID == "1")
            #expect(stage.provider.verifications.count == 0)
        }
    }

    @Test("lasting denials that the store has lost alone come back")
    func deletedDenials() async throws {
        try await Stage.run { stage in
            let end = TimeSource.system.wallTime().advanced(by: .seconds(3600))
            stage.provider.revocations.script { _ in .success(.deniedLocally(until: end)) }
            try await stage.first.verifier.revoke(RevocationRequest(.token(Self.token)), deadline: Self.deadline)
            #expect(try await stage.denials() == 1)
            try await eventually("the other node denies the token") { stage.second.fleet.statistics.counts.revocationsApplied == 1 }
            stage.store.emptySets()
            try await eventually("the denial is in the store again") { try await stage.denials() > 0 }
        }
    }
}
