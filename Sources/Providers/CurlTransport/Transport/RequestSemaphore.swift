private import NIOConcurrencyHelpers

/// A transport's permits for requests, and its counters. All pooled connections of the transport share it.
final class RequestSemaphore: Sendable {
    private struct State {
        var acquired = 0
        var counts = CurlTransport.Statistics()
    }

    private let capacity: Int
    private let state = NIOLockedValueBox(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Takes a permit for a request.
    ///
    /// - Returns: False if all permits are taken.
    func tryAcquire() -> Bool {
        state.withLockedValue { state in
            guard state.acquired < capacity else { return false }
            state.acquired += 1
            return true
        }
    }

    /// Returns the permit of a request that is done.
    func release() {
        state.withLockedValue { $0.acquired -= 1 }
    }

    func noteConnections(_ count: Int) {
        state.withLockedValue { $0.counts.connectionsOpened += count }
    }

    func noteReplacement(_ reason: PoolReplacementPolicy.Reason) {
        state.withLockedValue { state in
            switch reason {
            case .age: state.counts.replacementsForAge += 1
            case .timeouts: state.counts.replacementsForTimeouts += 1
            }
        }
    }

    var statistics: CurlTransport.Statistics {
        state.withLockedValue { state in
            var counts = state.counts
            counts.requestsUnderWay = state.acquired
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
