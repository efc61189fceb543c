internal import DoormanCache
internal import DoormanCore
internal import DoormanFleet
internal import DoormanSupport
internal import NIOConcurrencyHelpers

/// One history of three nodes and a store from a seed: calls, revocations, lost commands, partitions, restarts, failovers, attacks and lies.
/// The nodes run the real cache and the real fleet.
package final class FleetSimulation: Sendable {
    static let nodeCount = 3

    let seed: UInt64
    let world: World
    let store: SimulatedStore
    let provider: FleetProvider
    let ledger: NIOLockedValueBox<FleetLedger>
    private let cache: CacheSettings
    private let settings: FleetSettings
    private let secrets: [[[UInt8]]]
    private let nodes: NIOLockedValueBox<[SimulatedNode]>
    private let runs = NIOLockedValueBox(0)
    let isCalm: Bool
    let steps: Int

    private init(seed: UInt64) throws {
        self.seed = seed
        let world = World(seed: seed)
        self.world = world
        let isCalm = world.draw { $0.chance(15) }
        self.isCalm = isCalm
        steps = world.draw { Int.random(in: 20...80, using: &$0) }
        var cache = CacheSettings()
        cache.shards = 1
        (cache.ttl, cache.staleIfError, cache.refreshAhead) = world.draw { random in
            (
                .seconds(Int64.random(in: 4...10, using: &random)), random.chance(50) ? .zero : .seconds(20),
                isCalm || random.chance(50) ? 0 : 0.2
            )
        }
        cache.revocationLag = .seconds(1)
        if world.draw({ $0.chance(10) }) { (cache.maximumDenials, cache.maximumDenialsPerCaller) = (6, 6) }
        self.cache = cache
        let callTimeout = Duration.seconds(2)
        let bound = world.draw { random in
            [Duration.seconds(2), .seconds(4), FleetSettings.defaultBound(cache: cache, callTimeout: callTimeout)].randomElement(
                using: &random)!
        }
        var settings = FleetSettings(revocationBound: bound, cache: cache, callTimeout: callTimeout)
        settings.acknowledgement = world.draw { $0.chance(30) ? .fleet : .log }
        settings.pollInterval = bound / 8
        settings.roll = { world.draw { $0.next() } }
        self.settings = settings
        let (one, two) = (Array(repeating: UInt8(1), count: 31) + [2], Array(repeating: UInt8(3), count: 31) + [4])
        let isRotating = world.draw { $0.chance(20) }
        secrets = (0..<Self.nodeCount).map { node in
            guard isRotating else { return [one] }
            return node == 0 ? [one, two] : [two, one]
        }
        let ledger = NIOLockedValueBox(
            FleetLedger(cache, settings, callTimeout: callTimeout, isCalm: isCalm && !isRotating))
        self.ledger = ledger
        store = SimulatedStore(world: world)
        provider = FleetProvider(world: world, ledger: ledger)
        nodes = NIOLockedValueBox([])
        for number in 0..<Self.nodeCount {
            let node = try makeNode(number, SimulatedLink(store: store))
            nodes.withLockedValue { $0.append(node) }
        }
    }

    private func makeNode(_ number: Int, _ link: SimulatedLink) throws -> SimulatedNode {
        let run = runs.withLockedValue { runs in
            runs += 1
            return runs
        }
        return try SimulatedNode(
            number: number, run: run, link: link, provider: provider,
            SimulatedNode.Configuration(cache: cache, settings: settings, secrets: secrets[number]))
    }

    func node(_ number: Int) -> SimulatedNode { nodes.withLockedValue { $0[number] } }

    var allNodes: [SimulatedNode] { nodes.withLockedValue { $0 } }

    /// Starts the node again, with an empty cache.
    func restart(_ number: Int) {
        guard let node = try? makeNode(number, SimulatedLink(store: store)) else { return }
        nodes.withLockedValue { $0[number] = node }
    }

    var bound: Duration { settings.revocationBound }
    var retention: Duration { settings.retention }
    var isAllKnown: Bool { cache.maximumDenials > 6 }

    /// Plays the history of a seed. A seed always plays the same history.
    package static func run(seed: UInt64) throws -> Simulation.Outcome {
        let simulation = try FleetSimulation(seed: seed)
        simulation.world.spawn { await simulation.play() }
        let hasEnded = simulation.world.run(limit: 5_000_000)
        return simulation.ledger.withLockedValue { ledger in
            if !hasEnded { ledger.report("the history does not come to rest", at: simulation.world.now) }
            if ledger.openCalls != 0 { ledger.report("\(ledger.openCalls) calls never ended", at: simulation.world.now) }
            return Simulation.Outcome(seed: seed, violations: ledger.violations, counts: ledger.counts)
        }
    }
}
