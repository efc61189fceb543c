internal import CallerLimits
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// Cache, single flight and governor in front of a ``SteadyProvider``, asked as the server asks them: memory first, then, within
/// the caller's budget of misses, the provider.
final class Service: Sendable {
    /// What callers were told.
    struct Tally: Sendable, Hashable {
        var fromMemory = 0
        var fresh = 0
        var stale = 0
        var refused = 0
        var overBudget = 0
        var failed = 0

        var calls: Int { fromMemory + fresh + refused + overBudget + failed }
    }

    let world: World
    let provider: SteadyProvider
    let governor: Governor
    let verifier: CachingVerifier
    private let missLimiter: CacheMissLimiter<String>
    private let staleRule: StaleServingRule
    private let tallies = NIOLockedValueBox<[String: Tally]>([:])

    init(world: World, latency: Duration, cache: CacheSettings, governor settings: GovernorSettings) throws {
        self.world = world
        provider = SteadyProvider(world: world, latency: latency)
        governor = Governor(settings: settings, timeSource: world.timeSource)
        staleRule = StaleServingRule(governors: [governor])
        missLimiter = CacheMissLimiter(settings: CacheMissLimiterSettings())
        verifier = try CachingVerifier(
            upstream: GovernedVerifier(upstream: provider, governor: governor), settings: cache,
            timeSource: world.timeSource,
            encode: { verdict in
                guard case .valid(let identity) = verdict, identity.freshness == .stale else { return EncodedResponse(bytes: [0]) }
                return EncodedResponse(bytes: [1])
            },
            random: { world.draw { $0.next() } }, secret: Array(repeating: 7, count: 32))
    }

    func tally(of caller: String) -> Tally {
        tallies.withLockedValue { $0[caller] ?? Tally() }
    }

    /// One call, answered at once or in a task of its own.
    ///
    /// - Parameter hasBudget: Whether the caller's misses are limited.
    func verify(_ token: String, by caller: String, patience: Duration = .seconds(2), hasBudget: Bool = true) {
        let bytes = Array(token.utf8)
        let now = world.now
        let none: [UInt8] = []
        var reply = EncodedResponse()
        let call = VerifyCall(validated: Token(bytes: bytes), key: verifier.key(of: bytes.span))
        if let hit = verifier.lookup(call.key, applicationID: none.span, maxAgeSeconds: 0, now: now, into: &reply) {
            if hit.isDueForRefresh { verifier.refresh(call.token, key: call.key) }
            let isStale = reply.bytes[0]
            return count(caller) { tally in
                tally.fromMemory += 1
                tally.stale += Int(isStale)
            }
        }
        func serveStale(on occasion: StaleOccasion) -> Bool {
            guard staleRule.allowsServing(on: occasion), verifier.serveStale(call, now: now, into: &reply) != nil else {
                return false
            }
            count(caller) { tally in
                tally.fromMemory += 1
                tally.stale += 1
            }
            return true
        }
        if serveStale(on: .cacheMiss) { return }
        if hasBudget, !verifier.isLookupInFlight(call.key), missLimiter.charge(caller, at: now) != nil {
            if serveStale(on: .missLimitExceeded) { return }
            return count(caller) { $0.overBudget += 1 }
        }
        world.spawn { [self] in
            do throws(VerificationError) {
                let verdict = try await verifier.verify(call, deadline: Deadline(now.advanced(by: patience))).verdict
                count(caller) { tally in
                    guard case .valid(let identity) = verdict else { return tally.refused += 1 }
                    if identity.freshness == .fresh { tally.fresh += 1 } else { tally.fromMemory += 1 }
                    tally.stale += identity.freshness == .stale ? 1 : 0
                }
            } catch {
                count(caller) { $0.failed += 1 }
            }
        }
    }

    private func count(_ caller: String, _ change: (inout Tally) -> Void) {
        tallies.withLockedValue { change(&$0[caller, default: Tally()]) }
    }
}
