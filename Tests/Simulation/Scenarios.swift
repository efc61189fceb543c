internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import NIOConcurrencyHelpers

/// Days that operators fear, in virtual time: each says how it went.
package enum Scenarios {
    /// Many distinct tokens that nobody knows, all at once.
    package struct ColdStart: Sendable {
        package let seconds: Double
        /// Rounds of as many calls as may be made at once, times the provider's time.
        package let predictedSeconds: Double
        package let verified: Int
        package let mostAtOnce: Int
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
        for number in 0..<tokens { service.verify("good \(number)", by: "one", patience: .seconds(3600), hasBudget: false) }
        _ = world.run(limit: .max)
        // The sleepers of the calls' own deadlines wake up later, to find nothing.
        let last = service.provider.calls.last.map { $0.advanced(by: latency) } ?? began
        return ColdStart(
            seconds: began.duration(to: last) / .seconds(1),
            predictedSeconds: Double(tokens) / Double(concurrency) * (latency / .seconds(1)),
            verified: service.tally(of: "one").fresh, mostAtOnce: service.provider.mostAtOnce)
    }

    /// One caller with bad tokens, never one twice, beside one with good tokens that it uses again and again.
    package struct Flood: Sendable {
        /// Part of the good calls that memory answered.
        package let hitRate: Double
        package let goodFailures: Int
        package let badCalls: Int
        package let providerRequests: Int
        /// What the budget allows in that time.
        package let providerBudget: Int
    }

    package static func flood(
        badPerSecond: Int, goodTokens: Int, goodPerSecond: Int, seconds: Int, hasBudget: Bool = true
    ) throws -> Flood {
        let world = World(seed: 1)
        let settings = GovernorSettings()
        let service = try Service(world: world, latency: .milliseconds(50), cache: CacheSettings(), governor: settings)
        // The good ones are known before it begins, asked for over their time to live as in a day's work.
        let warmUp = 30
        world.spawn {
            for tick in 0..<(warmUp * 1_000) {
                for number in (tick * goodTokens / (warmUp * 1_000))..<((tick + 1) * goodTokens / (warmUp * 1_000)) {
                    service.verify("good \(number)", by: "good", hasBudget: false)
                }
                await world.sleep(for: .milliseconds(1))
            }
        }
        _ = world.run(limit: .max)
        let before = service.tally(of: "good")
        let callsBefore = service.provider.calls.count
        world.spawn {
            var bad = 0
            for tick in 0..<(seconds * 1_000) {
                for _ in 0..<(badPerSecond / 1_000) {
                    service.verify("bad \(bad)", by: "bad", hasBudget: hasBudget)
                    bad += 1
                }
                for _ in (tick * goodPerSecond / 1_000)..<((tick + 1) * goodPerSecond / 1_000) {
                    let number = world.draw { Int.random(in: 0..<goodTokens, using: &$0) }
                    service.verify("good \(number)", by: "good", hasBudget: hasBudget)
                }
                await world.sleep(for: .milliseconds(1))
            }
        }
        _ = world.run(limit: .max)
        let good = service.tally(of: "good")
        return Flood(
            hitRate: Double(good.fromMemory - before.fromMemory) / Double(good.calls - before.calls),
            goodFailures: good.refused + good.failed + good.overBudget, badCalls: service.tally(of: "bad").calls,
            providerRequests: service.provider.calls.count - callsBefore,
            providerBudget: settings.callsBurst + settings.callsPerSecond * (seconds + 2))
    }

    /// The provider goes for a minute while good tokens are in use, and comes back.
    package struct Outage: Sendable {
        /// Good tokens that were refused or could not be judged.
        package let failures: Int
        package let staleAnswers: Int
        package let callsDuringOutage: Int
        package let callsInFirstSecondAfter: Int
        /// What the budget allows in a second.
        package let budgetOfASecond: Int
        /// Stale answers more than 35 s after the provider was back, when what is known has been asked about again.
        package let staleAfterRecovery: Int
    }

    package static func outage(tokens: Int, callsPerSecond: Int, isHanging: Bool) throws -> Outage {
        let world = World(seed: 1)
        let settings = GovernorSettings()
        let service = try Service(world: world, latency: .milliseconds(50), cache: CacheSettings(), governor: settings)
        let began = world.now
        let hasBudget = NIOLockedValueBox(false)
        func load(seconds: Int) {
            world.spawn {
                for tick in 0..<(seconds * 1_000) {
                    for _ in (tick * callsPerSecond / 1_000)..<((tick + 1) * callsPerSecond / 1_000) {
                        let number = world.draw { Int.random(in: 0..<tokens, using: &$0) }
                        service.verify("good \(number)", by: "one", hasBudget: hasBudget.withLockedValue { $0 })
                    }
                    await world.sleep(for: .milliseconds(1))
                }
            }
            _ = world.run(limit: .max)
        }
        load(seconds: 60)
        hasBudget.withLockedValue { $0 = true }
        let before = service.tally(of: "one")
        let down = world.now
        service.provider.set(isHanging ? .hanging : .failing)
        load(seconds: 60)
        let back = world.now
        service.provider.set(.up)
        load(seconds: 35)
        let settled = service.tally(of: "one")
        load(seconds: 30)
        let after = service.tally(of: "one")
        let calls = service.provider.calls
        precondition(began < down)
        return Outage(
            failures: after.failed + after.refused + after.overBudget - before.failed - before.refused,
            staleAnswers: after.stale - before.stale,
            callsDuringOutage: calls.filter { $0 >= down && $0 < back }.count,
            callsInFirstSecondAfter: calls.filter { $0 >= back && $0 < back.advanced(by: .seconds(1)) }.count,
            budgetOfASecond: settings.callsPerSecond + settings.callsBurst, staleAfterRecovery: after.stale - settled.stale)
    }

    /// More new tokens each second than the provider may be asked about, for longer than anybody waits.
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
                    service.verify("good \(number)", by: "one", hasBudget: false)
                }
                await world.sleep(for: .milliseconds(1))
            }
        }
        _ = world.run(limit: .max)
        return Overload(
            verifiedPerSecond: Double(service.tally(of: "one").fresh) / Double(seconds), rate: settings.callsPerSecond)
    }
}
