internal import DoormanCore
internal import DoormanSupport

/// Which servers a client's targets stand for, as they were last looked up. Pure.
struct ServerDirectory {
    /// What is known of one target.
    private struct Entry {
        var servers: [Server] = []
        var lookedUpAt: Instant?
        var isLookingUp = false

        /// Whether looking it up again may find others: of a name, or where nothing was found.
        var mayChange: Bool { servers.isEmpty || servers.contains { $0.hostName != nil } }
    }

    let targets: [DoormanTarget]
    private let maximumServers: Int
    private let interval: Duration
    private var entries: [Entry]
    /// Before this moment no look-up is due, unless something fails.
    private var nextLookUp = Instant(nanoseconds: 0)
    /// Those that are used.
    private(set) var servers: [Server] = []

    init(targets: [DoormanTarget], maximumServers: Int, interval: Duration) {
        self.targets = targets
        self.maximumServers = max(1, maximumServers)
        self.interval = interval
        self.entries = targets.map { _ in Entry() }
    }

    /// The least time between two look-ups of a target, whatever fails.
    static let shortestInterval = Duration.seconds(1)

    /// Which of the targets are to be looked up now. Each look-up is then in progress on its own, so a slow name delays no other.
    ///
    /// - Parameter afterFailure: Whether a connection failed, so that a server may have moved.
    mutating func beginLookUps(afterFailure: Bool, at now: Instant) -> [Int] {
        // Asked with each call.
        guard afterFailure || now >= nextLookUp else { return [] }
        let due = entries.indices.filter { index in
            guard !entries[index].isLookingUp else { return false }
            guard let lookedUpAt = entries[index].lookedUpAt else { return true }
            return entries[index].mayChange && now >= lookedUpAt.advanced(by: pause(afterFailure: afterFailure))
        }
        for index in due { entries[index].isLookingUp = true }
        findNextLookUp()
        return due
    }

    /// - Parameter result: What was found; nothing found leaves what was found before.
    mutating func finishLookUp(
        _ index: Int, _ result: Result<[Server], ConnectFailure>, at now: Instant,
        using randomness: inout some RandomNumberGenerator
    ) {
        entries[index].isLookingUp = false
        entries[index].lookedUpAt = now
        if case .success(let servers) = result { entries[index].servers = servers }
        var all: [Server] = []
        for server in entries.flatMap(\.servers) where !all.contains(server) { all.append(server) }
        // Those in use stay in use, so that a name that gives its addresses in turn does not make connections come and go.
        let kept = servers.filter(all.contains)
        let others = all.filter { !kept.contains($0) }.shuffled(using: &randomness)
        servers = Array((kept + others).prefix(maximumServers))
        findNextLookUp()
    }

    /// Forgets what was found. No look-up may be finished afterwards.
    mutating func forget() {
        entries = targets.map { _ in Entry() }
        servers = []
    }

    private func pause(afterFailure: Bool) -> Duration {
        afterFailure || servers.isEmpty ? min(interval, Self.shortestInterval) : interval
    }

    private mutating func findNextLookUp() {
        let pause = pause(afterFailure: false)
        nextLookUp =
            entries.filter { !$0.isLookingUp && $0.mayChange }
            .map { $0.lookedUpAt?.advanced(by: pause) ?? Instant(nanoseconds: 0) }.min() ?? .distantFuture
    }
}

extension ServerDirectory: CustomStringConvertible {
    var description: String { targets.map(\.description).joined(separator: ", ") }
}
