internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// One history, from a seed: callers, codes, revocations, bounds and the provider's weather, against the real cache, single
/// flight and governor, with everything that anybody was told held against what is true.
package final class Simulation: Sendable {
    /// How a history came out.
    package struct Outcome: Sendable {
        package let seed: UInt64
        /// What must never be true and was; empty if all is well.
        package let violations: [String]
        /// How often what happened, to see that a history is not empty.
        package let counts: [String: Int]
    }

    let seed: UInt64
    let world: World
    let settings: SimulatedSettings
    let ledger: NIOLockedValueBox<Ledger>
    let provider: SimulatedProvider
    let governor: Governor
    let verifier: CachingVerifier
    /// What was packed, by the number that its reply consists of.
    private let packed: NIOLockedValueBox<[Verdict]>

    private init(seed: UInt64) throws {
        self.seed = seed
        let world = World(seed: seed)
        let settings = world.draw { SimulatedSettings(drawnBy: &$0) }
        let ledger = NIOLockedValueBox(Ledger(limits: settings, now: world.now))
        let packed = NIOLockedValueBox<[Verdict]>([])
        provider = SimulatedProvider(world: world, ledger: ledger)
        governor = Governor(settings: settings.governor, timeSource: world.timeSource)
        verifier = try CachingVerifier(
            upstream: GovernedVerifier(upstream: provider, governor: governor), settings: settings.cache,
            timeSource: world.timeSource,
            encode: { verdict in
                packed.withLockedValue { packed in
                    packed.append(verdict)
                    return EncodedResponse(bytes: Array("\(packed.count - 1)".utf8))
                }
            },
            random: { world.draw { $0.next() } }, secret: Array(repeating: 7, count: 32))
        self.world = world
        self.settings = settings
        self.ledger = ledger
        self.packed = packed
    }

    /// Plays the history of the seed. The same seed plays the same history, whatever else the machine does.
    package static func run(seed: UInt64) throws -> Outcome {
        let simulation = try Simulation(seed: seed)
        simulation.world.spawn { await simulation.play() }
        let hasEnded = simulation.world.run(limit: 1_000_000)
        return simulation.outcome(hasEnded: hasEnded)
    }

    private func outcome(hasEnded: Bool) -> Outcome {
        let now = world.now
        let statistics = governor.statistics
        let flights = verifier.statistics.inFlightLookups
        return ledger.withLockedValue { ledger in
            if !hasEnded { ledger.report("it does not come to rest", at: now) }
            if ledger.openCalls != 0 { ledger.report("\(ledger.openCalls) calls were never answered", at: now) }
            if statistics.waiting != 0 { ledger.report("somebody waits for the provider forever", at: now) }
            if statistics.freeSlots != settings.governor.concurrentCalls { ledger.report("a slot got lost", at: now) }
            if flights != 0 { ledger.report("a flight never landed", at: now) }
            return Outcome(seed: seed, violations: ledger.violations, counts: ledger.counts)
        }
    }

    /// The packed reply from memory, as the server asks for it, and the verdict that was packed.
    func reply(to request: VerificationRequest) -> Verdict? {
        let application = Array((request.applicationID ?? "").utf8)
        let seconds = request.maxAge.map { UInt32($0.components.seconds) } ?? 0
        let bytes = request.token.bytes
        var reply = EncodedResponse()
        let key = verifier.key(of: bytes.span)
        let hit = verifier.lookup(
            key, applicationID: application.span, maxAgeSeconds: seconds, now: world.now, into: &reply)
        if hit?.isDueForRefresh == true { verifier.refresh(request.token, key: key) }
        guard hit != nil, let number = Int(String(decoding: reply.bytes, as: UTF8.self)) else { return nil }
        return packed.withLockedValue { $0[number] }
    }

    func checkBounds(_ valid: SegmentBounds, _ rejected: SegmentBounds) {
        let statistics = verifier.statistics
        let now = world.now
        ledger.withLockedValue { ledger in
            for (segment, bounds) in [(statistics.valid, valid), (statistics.negative, rejected)]
            where segment.entries > bounds.entries || segment.bytes > bounds.bytes {
                ledger.report("more is remembered than the bounds allow", at: now)
            }
            // Detached ones land in their own time.
            if statistics.inFlightLookups > 2 * settings.cache.maximumInFlightLookups { ledger.report("too many flights", at: now) }
        }
    }
}
