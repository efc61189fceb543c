internal import DoormanCache
internal import DoormanCore
internal import DoormanFleet
internal import DoormanSupport
internal import DoormanWire
internal import NIOConcurrencyHelpers

/// One run of a node of the simulated fleet, with its clocks and its way to the store.
final class SimulatedNode: Sendable {
    struct Configuration: Sendable {
        let cache: CacheSettings
        let settings: FleetSettings
        let secrets: [[UInt8]]
    }

    let number: Int
    let link: SimulatedLink
    let fleet: Fleet
    let verifier: CachingVerifier
    private let task: Task<Void, Never>
    private let encoded: NIOLockedValueBox<[Verdict]>
    private let isDeadBox = NIOLockedValueBox(false)
    private let time: TimeSource

    /// - Parameter run: The number of this run among those of all nodes.
    init(
        number: Int, run: Int, link: SimulatedLink, provider: FleetProvider, _ configuration: Configuration
    ) throws {
        self.number = number
        self.link = link
        let world = link.store.world
        let time = world.timeSource(of: number)
        self.time = time
        let secrets = FleetSecrets(configuration.secrets, tag: "test")
        let fleet = Fleet(
            store: link, secrets: secrets, node: NodeID(bytes: Array(repeating: UInt8(run), count: NodeID.byteCount)),
            settings: configuration.settings, timeSource: time, fingerprint: { Array($0.utf8) })
        let encoded = NIOLockedValueBox<[Verdict]>([])
        let keys = secrets.cacheKeySecrets.map(\.secret)
        let verifier = try CachingVerifier(
            CachingVerifier.Sources(provider: provider, fleet: fleet), settings: configuration.cache, timeSource: time,
            coding: .numbered(encoded),
            randomness: CacheRandomness(
                roll: { world.draw { $0.next() } }, secret: keys[0], previousSecrets: Array(keys.dropFirst())))
        (self.fleet, self.verifier, self.encoded) = (fleet, verifier, encoded)
        task = world.spawn { await fleet.run(applyingTo: verifier) }
    }

    var isDead: Bool { isDeadBox.withLockedValue { $0 } }
    var isGateOpen: Bool { fleet.gate.isOpen(at: time.now()) }

    /// Stops the node: at once, or after a last heartbeat.
    func stop(isKilled: Bool) {
        if isKilled { link.conditions.withLockedValue { $0.isCut = true } }
        isDeadBox.withLockedValue { $0 = true }
        task.cancel()
    }

    func deadline(in duration: Duration) -> Deadline { Deadline(time.now().advanced(by: duration)) }

    /// Verifies like the server: first on the event loop, then asynchronously.
    func verify(_ token: Token, maxAge: Duration?, notBefore: RevocationPosition?) async -> Result<Verdict, VerificationError> {
        let now = time.now()
        let bytes = token.bytes
        let call = VerifyCall(validated: token, key: verifier.key(of: bytes.span), maxAge: maxAge, notBefore: notBefore)
        var response = EncodedResponse()
        let hit =
            isGateOpen && notBefore == nil
            ? verifier.lookup(
                call.key, applicationID: Span(), maxAgeSeconds: maxAge.map { UInt32($0.components.seconds) } ?? 0, now: now,
                into: &response)
            : verifier.lookup(call, now: now, into: &response)
        if let hit, let number = Int(String(decoding: response.bytes, as: UTF8.self)) {
            if hit.isDueForRefresh { verifier.refresh(call) }
            return .success(encoded.withLockedValue { $0[number] })
        }
        do throws(VerificationError) {
            return .success(try await verifier.verify(call, deadline: deadline(in: .seconds(5))).verdict)
        } catch {
            return .failure(error)
        }
    }
}

extension World {
    /// The clocks of a node: its monotonic clock began at another time, and its wall clock is up to a second off.
    fileprivate func timeSource(of node: Int) -> TimeSource {
        let base = timeSource
        let start = Duration.seconds(1000 * node)
        let skew = Duration.milliseconds(700 * (node - 1))
        return TimeSource(
            now: { base.now().advanced(by: start) }, wallTime: { base.wallTime().advanced(by: skew) },
            sleep: { await base.sleep($0.advanced(by: .zero - start)) }, spawn: base.spawn)
    }
}
