internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import NIOConcurrencyHelpers

/// Overload and outage scenarios in virtual time. Each returns its results.
package enum Scenarios {
    /// The result of many distinct tokens at once with an empty cache.
    package struct ColdStart: Sendable {
        package let seconds: Double
        /// The number of rounds of concurrent provider requests, times the provider's latency.
        package let predictedSeconds: Double
        package let verified: Int
        package let maxConcurrent: Int
    }

    package static func coldStart(tokens: Int, latency: Duration = .milliseconds(300), concurrency: Int = 64) throws -> ColdStart {
        let world = World(seed: 1)
        var cache = CacheSettings()
        cache.lookupTimeout = .seconds(3600)
        cache.maximumInFlightLookups = tokens
        var governor = GovernorSettings()
        governor.concurrentCalls = concurrency
        governor.callsPerSecond = 1_000_000
        governor.maximumWaiting = tokens
        let service = try Service(world: world, latency: latency, cache: cache, governor: governor)
        let began = world.now
        for number in 0..<tokens { service.verify("good \(number)", by: "one", timeout: .seconds(3600), limitsMisses: false) }
        _ = world.run(limit: .max)
        // The deadlines of the calls pass later and have no effect.
        let last = service.provider.calls.last.map { $0.advanced(by: latency) } ?? began
        return ColdStart(
            seconds: began.duration(to: last) / .seconds(1),
            predictedSeconds: Double(tokens) / Double(concurrency) * (latency / .seconds(1)),
            verified: service.counters(of: "one").fresh, maxConcurrent: service.provider.maxConcurrent)
    }

    /// The result of a caller with distinct bad tokens beside a caller with a set of good tokens.
    package struct Flood: Sendable {
        /// The cache hit ratio of the good calls.
        package let hitRate: Double
        package let goodFailures: Int
        package let badCalls: Int
        package let providerRequests: Int
        /// Maximum provider requests that the rate limit allows in this time.
        package let providerBudget: Int
    }

    package static func flood(
        badPerSecond: Int, goodTokens: Int, goodPerSecond: Int, seconds: Int, limitsMisses: Bool = true
    ) throws -> Flood {
        let world = World(seed: 1)
        let settings = GovernorSettings()
        let service = try Service(world: world, latency: .milliseconds(50), cache: CacheSettings(), governor: settings)
        // Fills the cache with the good tokens, spread over time as in daily use.
        let warmUp = 30
        world.spawn {
            for tick in 0..<(warmUp * 1_000) {
                for number in (tick * goodTokens / (warmUp * 1_000))..<((tick + 1) * goodTokens / (warmUp * 1_000)) {
                    service.verify("good \(number)", by: "good", limitsMisses: false)
                }
                await world.sleep(for: .milliseconds(1))
            }
        }
        _ = world.run(limit: .max)
        let before = service.counters(of: "good")
        let callsBefore = service.provider.calls.count
        world.spawn {
            var bad = 0
            for tick in 0..<(seconds * 1_000) {
                for _ in 0..<(badPerSecond / 1_000) {
                    service.verify("bad \(bad)", by: "bad", limitsMisses: limitsMisses)
                    bad += 1
                }
                for _ in (tick * goodPerSecond / 1_000)..<((tick + 1) * goodPerSecond / 1_000) {
                    let number = world.draw { Int.random(in: 0..<goodTokens, using: &$0) }
                    service.verify("good \(number)", by: "good", limitsMisses: limitsMisses)
                }
                await world.sleep(for: .milliseconds(1))
            }
        }
        _ = world.run(limit: .max)
        let good = service.counters(of: "good")
        return Flood(
            hitRate: Double(good.fromCache - before.fromCache) / Double(good.calls - before.calls),
            goodFailures: good.rejected + good.failed + good.limitExceeded, badCalls: service.counters(of: "bad").calls,
            providerRequests: service.provider.calls.count - callsBefore,
            providerBudget: settings.callsBurst + settings.callsPerSecond * (seconds + 2))
    }

    /// The result of an outage of one minute while good tokens are in use.
    package struct Outage: Sendable {
        /// Calls with good tokens that were rejected or failed.
        package let failures: Int
        package let staleResponses: Int
        package let callsDuringOutage: Int
        package let callsInFirstSecondAfter: Int
        /// Maximum provider requests that the rate limit allows in a second.
        package let budgetPerSecond: Int
        /// Stale responses more than 35 s after the end of the outage, when all entries are refreshed.
        package let staleAfterRecovery: Int
    }

    package static func outage(tokens: Int, callsPerSecond: Int, isHanging: Bool) throws -> Outage {
        let world = World(seed: 1)
        let settings = GovernorSettings()
        let service = try Service(world: world, latency: .milliseconds(50), cache: CacheSettings(), governor: settings)
        let began = world.now
        let limitsMisses = NIOLockedValueBox(false)
        func load(seconds: Int) {
            world.spawn {
                for tick in 0..<(seconds * 1_000) {
                    for _ in (tick * callsPerSecond / 1_000)..<((tick + 1) * callsPerSecond / 1_000) {
                        let number = world.draw { Int.random(in: 0..<tokens, using: &$0) }
                        service.verify("good \(number)", by: "one", limitsMisses: limitsMisses.withLockedValue { $0 })
                    }
                    await world.sleep(for: .milliseconds(1))
                }
            }
            _ = world.run(limit: .max)
        }
        load(seconds: 60)
        limitsMisses.withLockedValue { $0 = true }
        let before = service.counters(of: "one")
        let down = world.now
        service.provider.set(isHanging ? .hanging : .failing)
        load(seconds: 60)
        let back = world.now
        service.provider.set(.up)
        load(seconds: 35)
        let settled = service.counters(of: "one")
        load(seconds: 30)
        let after = service.counters(of: "one")
        let calls = service.provider.calls
        precondition(began < down)
        return Outage(
            failures: after.failed + after.rejected + after.limitExceeded - before.failed - before.rejected,
            staleResponses: after.stale - before.stale,
            callsDuringOutage: calls.filter { $0 >= down && $0 < back }.count,
            callsInFirstSecondAfter: calls.filter { $0 >= back && $0 < back.advanced(by: .seconds(1)) }.count,
            budgetPerSecond: settings.callsPerSecond + settings.callsBurst, staleAfterRecovery: after.stale - settled.stale)
    }

    /// The result of more new tokens per second than the rate limit of provider requests, for longer than calls wait.
    package struct Overload: Sendable {
        package let verifiedPerSecond: Double
        package let rate: Int
    }

    package static func overload(newTokensPerSecond: Int, seconds: Int) throws -> Overload {
        let world = World(seed: 1)
        let settings = GovernorSettings()
        let service = try Service(world: world, latency: .milliseconds(50), cache: CacheSettings(), governor: settings)
        world.spawn {
            for tick in 0..<(seconds * 1_000) {
                for number in (tick * newTokensPerSecond / 1_000)..<((tick + 1) * newTokensPerSecond / 1_000) {
                    service.verify("good \(number)", by: "one", limitsMisses: false)
                }
                await world.sleep(for: .milliseconds(1))
            }
        }
        _ = world.run(limit: .max)
        return Overload(
            verifiedPerSecond: Double(service.counters(of: "one").fresh) / Double(seconds), rate: settings.callsPerSecond)
    }
}
