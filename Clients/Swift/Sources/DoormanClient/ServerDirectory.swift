internal import DoormanCore

/// Which servers a client's targets stand for, as they were last looked up. Pure.
struct ServerDirectory {
    let targets: [DoormanTarget]
    private let maximumServers: Int
    private let interval: Duration
    private var found: [[Server]]
    private var lookedUpAt: Instant?
    private(set) var isLookingUp = false
    /// Whether looking up again may find others.
    private var hasNames = true
    /// Those that are used.
    private(set) var servers: [Server] = []

    init(targets: [DoormanTarget], maximumServers: Int, interval: Duration) {
        self.targets = targets
        self.maximumServers = max(1, maximumServers)
        self.interval = interval
        self.found = targets.map { _ in [] }
    }

    /// The least time between two look-ups, whatever fails.
    static let shortestInterval = Duration.seconds(1)

    /// Whether names are to be looked up now, which is then taken as begun.
    ///
    /// - Parameter afterFailure: Whether a connection failed, so that a server may have moved.
    mutating func beginLookUp(afterFailure: Bool, at now: Instant) -> Bool {
        guard !isLookingUp, !targets.isEmpty else { return false }
        if let lookedUpAt {
            // Asked with each call, so what is free comes first.
            guard hasNames || servers.isEmpty else { return false }
            let pause = afterFailure || servers.isEmpty ? min(interval, Self.shortestInterval) : interval
            guard lookedUpAt.duration(to: now) >= pause else { return false }
        }
        isLookingUp = true
        return true
    }

    /// - Parameter results: For each target; one that was not found keeps what was found before.
    /// - Returns: What the first of those says that were not found.
    mutating func finishLookUp(
        _ results: [Result<[Server], ConnectFailure>], at now: Instant, using randomness: inout some RandomNumberGenerator
    ) -> (target: DoormanTarget, failure: ConnectFailure)? {
        isLookingUp = false
        lookedUpAt = now
        var firstFailure: (DoormanTarget, ConnectFailure)?
        for (index, result) in results.enumerated() {
            switch result {
            case .success(let servers): found[index] = servers
            case .failure(let failure): firstFailure = firstFailure ?? (targets[index], failure)
            }
        }
        var all: [Server] = []
        for server in found.joined() where !all.contains(server) { all.append(server) }
        // Those in use stay in use, so that a name that gives its addresses in turn does not make connections come and go.
        let kept = servers.filter(all.contains)
        let others = all.filter { !kept.contains($0) }.shuffled(using: &randomness)
        servers = Array((kept + others).prefix(maximumServers))
        hasNames = found.joined().contains { $0.hostName != nil } || found.contains(where: \.isEmpty)
        return firstFailure
    }
}

extension ServerDirectory: CustomStringConvertible {
    var description: String { targets.map(\.description).joined(separator: ", ") }
}
