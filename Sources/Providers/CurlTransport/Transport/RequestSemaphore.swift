private import NIOConcurrencyHelpers

/// The request permits and the counters of a transport, shared by its connection pools.
final class RequestSemaphore: Sendable {
    private struct State {
        var inFlight = 0
        var counts = CurlTransport.Statistics()
    }

    private let capacity: Int
    private let state = NIOLockedValueBox(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Acquires a permit for a request.
    ///
    /// - Returns: False if all permits are in use.
    func tryAcquire() -> Bool {
        state.withLockedValue { state in
            guard state.inFlight < capacity else { return false }
            state.inFlight += 1
            return true
        }
    }

    /// Releases the permit of a request that is done.
    func release() {
        state.withLockedValue { $0.inFlight -= 1 }
    }

    func noteConnections(_ count: Int) {
        state.withLockedValue { $0.counts.connectionsOpened += count }
    }

    func noteReplacement(_ reason: PoolReplacementPolicy.Reason) {
        state.withLockedValue { state in
            switch reason {
            case .age: state.counts.replacementsForAge += 1
            case .timeouts: state.counts.replacementsForTimeouts += 1
            case .authorities: state.counts.replacementsForAuthorities += 1
            }
        }
    }

    var statistics: CurlTransport.Statistics {
        state.withLockedValue { state in
            var counts = state.counts
            counts.requestsUnderWay = state.inFlight
            return counts
        }
    }
}

extension CurlTransport {
    /// Counts since the transport was created.
    package struct Statistics: Sendable, Hashable {
        /// The number of connections that were opened or attempted.
        package internal(set) var connectionsOpened = 0
        /// The number of replacements for age: see ``Settings/maximumConnectionLifetime``.
        package internal(set) var replacementsForAge = 0
        /// The number of replacements after time-outs: see ``Settings/timeoutsUntilReconnect``.
        package internal(set) var replacementsForTimeouts = 0
        /// The number of replacements for other authorities: see ``CurlTransport/replaceAuthorities(_:)``.
        package internal(set) var replacementsForAuthorities = 0
        /// The number of requests that are running or waiting now.
        package internal(set) var requestsUnderWay = 0
    }
}
