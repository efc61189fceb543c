internal import DoormanCache
internal import DoormanCore
internal import DoormanGovernor
internal import Foundation

extension Scenarios {
    /// The result of calls whose tokens follow Zipf's law: few are used often, most are used rarely.
    package struct Zipf: Sendable {
        package let hitRatio: Double
        /// The hit ratio of one exact LRU list without TTLs.
        package let exactHitRatio: Double
        package let providerRequests: Int
        /// Calls that joined a lookup in flight.
        package let joined: Int
        /// Entries refreshed before their TTL ended.
        package let refreshed: Int
    }

    /// - Parameters:
    ///   - ttl: The TTL of entries. Choose a long time, because the exact list drops nothing by time.
    ///   - callsPerSecond: Calls per second of virtual time.
    package static func zipf(
        tokens: Int, entries: Int, calls: Int, callsPerSecond: Int, ttl: Duration, latency: Duration
    ) throws -> Zipf {
        let world = World(seed: 1)
        var cache = CacheSettings()
        cache.valid = SegmentBounds(entries: entries, bytes: entries * 2_000)
        cache.ttl = ttl
        cache.maximumInFlightLookups = 1_000_000
        var governor = GovernorSettings()
        governor.callsPerSecond = 1_000_000
        governor.callsBurst = 1_000_000
        governor.concurrentCalls = 1_000_000
        governor.maximumWaiting = 1_000_000
        let service = try Service(world: world, latency: latency, cache: cache, governor: governor)
        let cumulative = cumulativeZipf(tokens)
        var exact = ExactLRU(tokens: tokens, capacity: entries)
        let numbers = (0..<calls).map { _ in draw(from: cumulative, world) }
        let exactHits = numbers.reduce(0) { $0 + (exact.use($1) ? 1 : 0) }
        let perTick = max(1, callsPerSecond / 1_000)
        world.spawn {
            for start in stride(from: 0, to: calls, by: perTick) {
                for number in numbers[start..<min(calls, start + perTick)] {
                    service.verify("good \(number)", by: "one", limitsMisses: false)
                }
                await world.sleep(for: .milliseconds(1))
            }
        }
        _ = world.run(limit: .max)
        let counters = service.counters(of: "one")
        let statistics = service.verifier.statistics
        return Zipf(
            hitRatio: Double(counters.fromCache) / Double(counters.calls), exactHitRatio: Double(exactHits) / Double(calls),
            providerRequests: service.provider.calls.count, joined: Int(statistics.joined), refreshed: Int(statistics.refreshed))
    }

    /// Returns the cumulative weights of the tokens, with an exponent of 1.
    private static func cumulativeZipf(_ tokens: Int) -> [Double] {
        var sum = 0.0
        return (1...tokens).map { rank in
            sum += 1 / Double(rank)
            return sum
        }
    }

    private static func draw(from cumulative: [Double], _ world: World) -> Int {
        let point = world.draw { Double.random(in: 0..<cumulative[cumulative.count - 1], using: &$0) }
        var (low, high) = (0, cumulative.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] <= point { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// An exact LRU list in its simplest form: a clock of uses, and a queue that finds the oldest use.
private struct ExactLRU {
    private var lastUse: [Int]
    private var uses: [Int] = []
    private var head = 0
    private var count = 0
    private let capacity: Int

    init(tokens: Int, capacity: Int) {
        lastUse = Array(repeating: -1, count: tokens)
        self.capacity = capacity
    }

    /// - Returns: Whether the token was in the list.
    mutating func use(_ token: Int) -> Bool {
        let isHit = lastUse[token] >= 0
        lastUse[token] = uses.count
        uses.append(token)
        if !isHit { count += 1 }
        while count > capacity {
            let oldest = uses[head]
            if lastUse[oldest] == head {
                lastUse[oldest] = -1
                count -= 1
            }
            head += 1
        }
        return isHit
    }
}
