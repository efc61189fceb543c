internal import DoormanCore
internal import DoormanSupport

/// The servers of a client's targets, as of the last look-ups. Pure.
struct ServerDirectory {
    /// The servers of one target.
    private struct Entry {
        var servers: [Server] = []
        var lookedUpAt: Instant?
        var isLookingUp = false
        /// The failure of the last look-up.
        var failure: ConnectFailure?

        /// Whether another look-up may find other servers: the target is a name, or none was found.
        var mayChange: Bool { servers.isEmpty || servers.contains { $0.hostName != nil } }
    }

    let targets: [DoormanTarget]
    private let maximumServers: Int
    private let interval: Duration
    private var entries: [Entry]
    /// The moment before which no look-up is due, unless a connection fails.
    private var nextLookUp = Instant(nanoseconds: 0)
    /// The servers in use.
    private(set) var servers: [Server] = []

    init(targets: [DoormanTarget], maximumServers: Int, interval: Duration) {
        self.targets = targets
        self.maximumServers = max(1, maximumServers)
        self.interval = interval
        self.entries = targets.map { _ in Entry() }
    }

    /// The minimum time between two look-ups of a target.
    static let shortestInterval = Duration.seconds(1)

    /// Returns the indices of the targets to look up now. Each look-up is separate, so that a slow name delays no other.
    ///
    /// - Parameter afterFailure: Whether a connection failed, so that a server may have another address.
    mutating func beginLookUps(afterFailure: Bool, at now: Instant) -> [Int] {
        // Checked with each call.
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

    /// Stores the result of a look-up. A failure leaves the servers of the last success.
    mutating func finishLookUp(
        _ index: Int, _ result: Result<[Server], ConnectFailure>, at now: Instant,
        using randomness: inout some RandomNumberGenerator
    ) {
        entries[index].isLookingUp = false
        entries[index].lookedUpAt = now
        switch result {
        case .success(let servers): (entries[index].servers, entries[index].failure) = (servers, nil)
        case .failure(let failure): entries[index].failure = failure
        }
        var all: [Server] = []
        for server in entries.flatMap(\.servers) where !all.contains(server) { all.append(server) }
        // Servers in use stay in use, so that a name with rotating addresses does not cause new connections.
        let kept = servers.filter(all.contains)
        let others = all.filter { !kept.contains($0) }.shuffled(using: &randomness)
        servers = Array((kept + others).prefix(maximumServers))
        findNextLookUp()
    }

    /// What the look-ups of a target found.
    enum LookUp {
        /// All its servers, as of the last success, whether they are in use or not.
        case found([Server])
        case failed(ConnectFailure)
    }

    /// Returns what the look-ups of a target found; `nil` before the first has ended, and during the look-up after a failure.
    func lookUp(of target: DoormanTarget) -> LookUp? {
        guard let index = targets.firstIndex(of: target) else { return nil }
        let entry = entries[index]
        guard entry.servers.isEmpty else { return .found(entry.servers) }
        guard !entry.isLookingUp else { return nil }
        return entry.failure.map(LookUp.failed)
    }

    /// Removes all servers. ``finishLookUp(_:_:at:using:)`` must not be called afterwards.
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
