internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import ProviderRouting

/// One history from a seed: callers, codes, revocations, secrets, bounds and conditions of the provider, against the real cache, single
/// flight, router, governors and verifiers. The ledger compares every result with the truth.
package final class Simulation: Sendable {
    /// The result of a history.
    package struct Outcome: Sendable {
        package let seed: UInt64
        /// The violated invariants; empty if none was violated.
        package let violations: [String]
        /// The number of each kind of event, to show that a history is not empty.
        package let counts: [String: Int]
    }

    /// The configured applications.
    static let applications = ["10", "20"]
    /// The applications of tokens. The last one is not configured.
    static let issuers = applications + applications + ["30"]
    /// The numbers of the secrets of each application. The provider may also accept another secret.
    private static let secrets = ["10": [0, 1], "20": [0]]

    let seed: UInt64
    let world: World
    let settings: SimulatedSettings
    let ledger: NIOLockedValueBox<Ledger>
    let provider: SimulatedProvider
    let governors: [Governor]
    let router: ApplicationRouter
    let verifier: CachingVerifier
    /// The encoded verdicts. A response consists of its verdict's index.
    private let encoded: NIOLockedValueBox<[Verdict]>

    private init(seed: UInt64) throws {
        self.seed = seed
        let world = World(seed: seed)
        let settings = world.draw { SimulatedSettings(drawnBy: &$0) }
        let ledger = NIOLockedValueBox(Ledger(limits: settings, now: world.now))
        let encoded = NIOLockedValueBox<[Verdict]>([])
        let provider = SimulatedProvider(world: world, ledger: ledger, longestLag: settings.cache.revocationLag)
        self.provider = provider
        let governors = Self.applications.map { _ in Governor(settings: settings.governor, timeSource: world.timeSource, seed: seed)
        }
        self.governors = governors
        let router = ApplicationRouter(
            try zip(Self.applications, governors).map { application, governor in
                let credentials = try Self.secrets[application, default: []].map { secret in
                    GovernedVerifier(
                        provider: try SimulatedCredential(provider, application: application, secret: secret), governor: governor)
                }
                return ApplicationRouter.Application(provider: "simulated", id: application, credentials: credentials)
            }, timeSource: world.timeSource, checkTimeout: settings.cache.lookupTimeout,
            chargeExtraRequest: { _ in })
        self.router = router
        verifier = try CachingVerifier(
            provider: ProviderRouter("simulated", router), settings: settings.cache, timeSource: world.timeSource,
            coding: .numbered(encoded),
            randomness: CacheRandomness(roll: { world.draw { $0.next() } }, secret: Array(repeating: 7, count: 32)))
        self.world = world
        self.settings = settings
        self.ledger = ledger
        self.encoded = encoded
    }

    /// Plays the history of a seed. A seed always plays the same history.
    package static func run(seed: UInt64) throws -> Outcome {
        let simulation = try Simulation(seed: seed)
        simulation.world.spawn { await simulation.play() }
        let hasEnded = simulation.world.run(limit: 1_000_000)
        return simulation.outcome(hasEnded: hasEnded)
    }

    private func outcome(hasEnded: Bool) -> Outcome {
        let now = world.now
        let statistics = governors.map(\.statistics)
        let lookups = verifier.statistics.inFlightLookups
        return ledger.withLockedValue { ledger in
            if !hasEnded { ledger.report("the history does not come to rest", at: now) }
            if ledger.openCalls != 0 { ledger.report("\(ledger.openCalls) calls never ended", at: now) }
            if statistics.contains(where: { $0.waiting != 0 }) { ledger.report("a call waits for the governor forever", at: now) }
            if statistics.contains(where: { $0.freeSlots != settings.governor.concurrentCalls }) {
                ledger.report("a slot was not given back", at: now)
            }
            if lookups != 0 { ledger.report("a lookup never ended", at: now) }
            return Outcome(seed: seed, violations: ledger.violations, counts: ledger.counts)
        }
    }

    /// Returns the verdict of a cache hit, looked up like the server does; `nil` after a miss.
    func cachedVerdict(for request: VerificationRequest) -> Verdict? {
        let application = Array((request.applicationID ?? "").utf8)
        let seconds = request.maxAge.map { UInt32($0.components.seconds) } ?? 0
        let bytes = request.token.bytes
        var response = EncodedResponse()
        let key = verifier.key(of: bytes.span)
        let hit = verifier.lookup(
            key, applicationID: application.span, maxAgeSeconds: seconds, now: world.now, into: &response)
        if hit?.isDueForRefresh == true {
            verifier.refresh(VerifyCall(validated: request.token, key: key, requirements: TokenRequirements(request.target)))
        }
        guard hit != nil, let number = Int(String(decoding: response.bytes, as: UTF8.self)) else { return nil }
        return encoded.withLockedValue { $0[number] }
    }

    func checkBounds(_ valid: SegmentBounds, _ rejected: SegmentBounds) {
        let statistics = verifier.statistics
        let now = world.now
        ledger.withLockedValue { ledger in
            for (segment, bounds) in [(statistics.valid, valid), (statistics.negative, rejected)]
            where segment.entries > bounds.entries || segment.bytes > bounds.bytes {
                ledger.report("the cache exceeds its bounds", at: now)
            }
            if statistics.denials > settings.cache.maximumDenials { ledger.report("the denial list exceeds its bound", at: now) }
            // Two governors, verifications, exchanges and checks have a timer each. A check may also wait for each application.
            let timers = world.timerCount
            if timers > 7 { ledger.report("\(timers) tasks sleep", at: now) }
            // Verifications and exchanges have a limit each.
            if statistics.inFlightLookups > 2 * settings.cache.maximumInFlightLookups {
                ledger.report("too many lookups in flight", at: now)
            }
        }
    }
}
