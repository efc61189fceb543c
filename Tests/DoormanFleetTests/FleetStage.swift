import DoormanCache
import DoormanCore
import DoormanSupport
import DoormanWire
import NIOConcurrencyHelpers
import TestKit

@testable import DoormanFleet

/// Two nodes of one fleet with one provider, on a store in memory.
struct FleetStage {
    struct Node: Sendable {
        let fleet: Fleet
        let verifier: CachingVerifier

        var counts: FleetCounts { fleet.statistics.counts }

        func verify(_ token: Token) async throws(VerificationError) -> Verdict {
            let call = VerifyCall(validated: token, key: verifier.key(of: token.bytes.span))
            return try await verifier.verify(call, deadline: deadline).verdict
        }

        /// Whether this node finds a verdict on a token in the store, and may use it.
        func finds(_ token: Token) async -> Bool {
            let lookup = await fleet.find([verifier.key(of: token.bytes.span)], deadline: deadline) { _ in true }
            switch lookup {
            case .found: return true
            case .miss(let ticket):
                ticket.giveUp()
                return false
            }
        }
    }

    static let secret = Array(repeating: UInt8(1), count: FleetSecrets.secretBytes)
    static let token = Token("EMAWtesttoken0001")
    static var deadline: Deadline { Deadline(TimeSource.system.now().advanced(by: .seconds(60))) }

    let store: MemoryStore
    let provider = ScriptedProvider()
    let first: Node
    let second: Node
    /// How much the wall clocks of the nodes and of the store are ahead.
    let wallOffset: NIOLockedValueBox<Duration>
    /// The ends of the first node's sleeps.
    let sleeps: NIOLockedValueBox<[Instant]>

    /// Runs nodes for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - count: The number of nodes. Default 2.
    ///   - rotated: The secrets of the second node. By default those of the first.
    static func run(
        nodes count: Int = 2, rotated: FleetSecrets? = nil, _ body: (FleetStage, _ tasks: [Task<Void, Never>]) async throws -> Void
    ) async throws {
        let stage = try FleetStage(rotated: rotated)
        let running = [stage.first, stage.second].prefix(count)
        let tasks = running.map { node in Task { await node.fleet.run(applyingTo: node.verifier) } }
        defer { for task in tasks { task.cancel() } }
        try await eventually("the nodes are caught up") { running.allSatisfy { $0.fleet.statistics.caughtUpAge != nil } }
        try await body(stage, tasks)
    }

    private init(rotated: FleetSecrets?) throws {
        let offset = NIOLockedValueBox(Duration.zero)
        let sleeps = NIOLockedValueBox<[Instant]>([])
        let nodeTime = TimeSource(
            now: TimeSource.system.now,
            wallTime: { TimeSource.system.wallTime().advanced(by: offset.withLockedValue { $0 }) },
            sleep: { moment in
                sleeps.withLockedValue { $0.append(moment) }
                await TimeSource.system.sleep(moment)
            },
            spawn: TimeSource.system.spawn)
        let store = MemoryStore(timeSource: .system)
        let secrets = FleetSecrets([Self.secret], tag: "test")
        var settings = FleetSettings(revocationBound: .seconds(2), cache: CacheSettings(), callTimeout: .seconds(2))
        settings.denialsInterval = .milliseconds(100)
        let provider = provider
        func makeNode(_ number: UInt8, _ secrets: FleetSecrets, _ time: TimeSource) throws -> Node {
            let fleet = Fleet(
                store: store, secrets: secrets, node: NodeID(bytes: Array(repeating: number, count: NodeID.byteCount)),
                settings: settings, timeSource: time, fingerprint: { Array($0.utf8) })
            let verifier = try CachingVerifier(
                CachingVerifier.Sources(provider: provider, fleet: fleet), settings: CacheSettings(), timeSource: time,
                coding: VerdictCoding(encode: { _ in EncodedResponse() }),
                randomness: CacheRandomness(
                    secret: secrets.cacheKeySecrets[0].secret, previousSecrets: secrets.cacheKeySecrets.dropFirst().map(\.secret)))
            return Node(fleet: fleet, verifier: verifier)
        }
        (self.store, wallOffset, self.sleeps) = (store, offset, sleeps)
        (first, second) = (try makeNode(1, secrets, nodeTime), try makeNode(2, rotated ?? secrets, .system))
    }

    /// Scripts the provider: every token is valid, and its account is the token's last character.
    func acceptEveryToken() {
        provider.verifications.script { request in
            var identity = Identity(
                accountID: String(decoding: request.token.bytes.suffix(1), as: UTF8.self), applicationID: "", provider: "p",
                verifiedAt: TimeSource.system.wallTime())
            identity.validUntil = .distantFuture
            return .success(.valid(identity))
        }
    }

    /// The lasting denials in the store.
    func denials() async throws -> Int {
        let key = first.fleet.state.withLockedValue { $0.secrets.denialsKey }
        return try await store.openSession().members(of: key, from: 0, offset: 0, limit: 100).count
    }
}
