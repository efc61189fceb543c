internal import CallerLimits
internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import DoormanSupport
internal import NIOConcurrencyHelpers
internal import ProviderRouting

/// Cache, single flight and governor in front of a ``SteadyProvider``, called like the server calls them: first the cache, then the
/// provider within the caller's cache-miss limit.
final class Service: Sendable {
    /// Counters of the results of a caller's calls.
    struct Counters: Sendable, Hashable {
        var fromCache = 0
        var fresh = 0
        var stale = 0
        var rejected = 0
        var limitExceeded = 0
        var failed = 0

        var calls: Int { fromCache + fresh + rejected + limitExceeded + failed }
    }

    let world: World
    let provider: SteadyProvider
    let governor: Governor
    let verifier: CachingVerifier
    private let missLimiter: CallerRateLimiter<String>
    private let staleRule: StaleServingRule
    private let countersByCaller = NIOLockedValueBox<[String: Counters]>([:])

    init(world: World, latency: Duration, cache: CacheSettings, governor settings: GovernorSettings) throws {
        self.world = world
        provider = SteadyProvider(world: world, latency: latency)
        governor = Governor(settings: settings, timeSource: world.timeSource, seed: 1)
        staleRule = StaleServingRule { [governor] _ in [governor] }
        missLimiter = CallerRateLimiter(settings: CallerRateLimiterSettings())
        verifier = try CachingVerifier(
            provider: ProviderRouter("steady", GovernedVerifier(provider: provider, governor: governor)), settings: cache,
            timeSource: world.timeSource,
            coding: VerdictCoding { verdict in
                guard case .valid(let identity) = verdict, identity.freshness == .stale else { return EncodedResponse(bytes: [0]) }
                return EncodedResponse(bytes: [1])
            },
            randomness: CacheRandomness(roll: { world.draw { $0.next() } }, secret: Array(repeating: 7, count: 32)))
    }

    func counters(of caller: String) -> Counters {
        countersByCaller.withLockedValue { $0[caller] ?? Counters() }
    }

    /// Makes a call, which completes at once or in a task of its own.
    ///
    /// - Parameter limitsMisses: Whether the caller's cache misses are limited.
    func verify(_ token: String, by caller: String, timeout: Duration = .seconds(2), limitsMisses: Bool = true) {
        let bytes = Array(token.utf8)
        let now = world.now
        let none: [UInt8] = []
        var reply = EncodedResponse()
        let call = VerifyCall(validated: Token(bytes: bytes), key: verifier.key(of: bytes.span))
        if let hit = verifier.lookup(call.key, applicationID: none.span, maxAgeSeconds: 0, now: now, into: &reply) {
            if hit.isDueForRefresh { verifier.refresh(call) }
            let isStale = reply.bytes[0]
            return count(caller) { counters in
                counters.fromCache += 1
                counters.stale += Int(isStale)
            }
        }
        func serveStale(on occasion: StaleOccasion) -> Bool {
            guard let provider = verifier.staleProvider(of: call, now: now),
                staleRule.allowsServing(of: provider, on: occasion), verifier.serveStale(call, now: now, into: &reply) != nil
            else {
                return false
            }
            count(caller) { counters in
                counters.fromCache += 1
                counters.stale += 1
            }
            return true
        }
        if serveStale(on: .cacheMiss) { return }
        if limitsMisses, !verifier.isLookupInFlight(for: call), missLimiter.charge(caller, at: now) != nil {
            if serveStale(on: .missLimitExceeded) { return }
            return count(caller) { $0.limitExceeded += 1 }
        }
        world.spawn { [self] in
            do throws(VerificationError) {
                let verdict = try await verifier.verify(call, deadline: Deadline(now.advanced(by: timeout))).verdict
                count(caller) { counters in
                    guard case .valid(let identity) = verdict else { return counters.rejected += 1 }
                    if identity.freshness == .fresh { counters.fresh += 1 } else { counters.fromCache += 1 }
                    counters.stale += identity.freshness == .stale ? 1 : 0
                }
            } catch {
                count(caller) { $0.failed += 1 }
            }
        }
    }

    private func count(_ caller: String, _ change: (inout Counters) -> Void) {
        countersByCaller.withLockedValue { change(&$0[caller, default: Counters()]) }
    }
}
