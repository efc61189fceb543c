/// What all lanes of a transport share: the requests under way, against their limit, and the counts of what was done.
final class RequestSemaphore: Sendable {
    private struct State {
        var admitted = 0
        var counts = CurlTransport.Statistics()
    }

    private let capacity: Int
    private let state = Locked(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// - Returns: False if there are too many requests already.
    func admit() -> Bool {
        state.withLock { state in
            guard state.admitted < capacity else { return false }
            state.admitted += 1
            return true
        }
    }

    /// One request has been dealt with, and makes room.
    func discharge() {
        state.withLock { $0.admitted -= 1 }
    }

    func noteConnections(_ count: Int) {
        state.withLock { $0.counts.connectionsOpened += count }
    }

    func noteReplacement(_ reason: PoolReplacementPolicy.Reason) {
        state.withLock { state in
            switch reason {
            case .age: state.counts.replacementsForAge += 1
            case .timeouts: state.counts.replacementsForTimeouts += 1
            }
        }
    }

    var statistics: CurlTransport.Statistics {
        state.withLock { state in
            var counts = state.counts
            counts.requestsUnderWay = state.admitted
            return counts
        }
    }
}

extension CurlTransport {
    /// What a transport has done since it was made.
    package struct Statistics: Sendable, Hashable {
        /// Connections that were opened, or at least tried.
        package internal(set) var connectionsOpened = 0
        /// How often all connections were given up for their age: ``Settings/maximumConnectionLifetime``.
        package internal(set) var replacementsForAge = 0
        /// How often all connections were given up for their silence: ``Settings/timeoutsUntilReconnect``.
        package internal(set) var replacementsForTimeouts = 0
        /// Running and waiting, now.
        package internal(set) var requestsUnderWay = 0
    }
}
