internal import DoormanCore
package import DoormanWire

/// Counts how the calls and connections of one event loop ended. Only that loop uses the counters, so that a cache hit costs one
/// addition. Statistics read ``snapshot`` on the loop.
///
/// Each event is counted once, where it happens. No name contains data that a peer sent.
package final class ServerCounters {
    /// The source of a call's response.
    package enum Source: String, Sendable, Hashable {
        case cache = "cache"
        case provider
        case server
    }

    /// The key of calls that ended alike.
    package struct Ending: Sendable, Hashable {
        /// `nil` for calls that failed before their method mattered.
        package let method: Method?
        package let source: Source
        /// `nil` for success.
        package let failure: Failure?

        package init(_ method: Method?, from source: Source, _ failure: Failure?) {
            self.method = method
            self.source = source
            self.failure = failure
        }
    }

    /// The counters of one or several event loops at one moment.
    package struct Snapshot: Sendable, Hashable {
        package fileprivate(set) var calls: [Ending: UInt64] = [:]
        /// Closed connections by the reason's name.
        package fileprivate(set) var connectionsClosed: [String: UInt64] = [:]

        package init() {}

        /// Adds the counters of another event loop.
        package mutating func add(_ other: Snapshot) {
            calls.merge(other.calls, uniquingKeysWith: &+)
            connectionsClosed.merge(other.connectionsClosed, uniquingKeysWith: &+)
        }
    }

    /// `Verify` calls that the cache answered with an identity. Most calls end so, and need no dictionary lookup.
    private var validHits: UInt64 = 0
    private var otherCounts = Snapshot()

    package init() {}

    /// Counts a `Verify` that the cache answered.
    ///
    /// - Parameter rejection: The reason if the token is rejected; `nil` for a valid token.
    @inline(__always)
    func countHit(rejection: Rejection.Reason?) {
        guard let rejection else {
            validHits &+= 1
            return
        }
        count(Ending(.verify, from: .cache, Failure(rejection)))
    }

    /// Counts a call that failed before its method mattered.
    func countFailure(_ failure: Failure) {
        count(Ending(nil, from: .server, failure))
    }

    /// Counts an asynchronous call at its end.
    func countFinished(_ method: Method, _ failure: Failure?) {
        count(Ending(method, from: method.source, failure))
    }

    /// Counts a health check.
    func countHealthCheck() {
        count(Ending(.healthCheck, from: .server, nil))
    }

    /// Counts a connection that was closed.
    ///
    /// - Parameter reason: One of a few constant names.
    func countClosed(_ reason: String) {
        otherCounts.connectionsClosed[reason, default: 0] &+= 1
    }

    package var snapshot: Snapshot {
        var snapshot = otherCounts
        if validHits > 0 { snapshot.calls[Ending(.verify, from: .cache, nil)] = validHits }
        return snapshot
    }

    private func count(_ ending: Ending) {
        otherCounts.calls[ending, default: 0] &+= 1
    }
}

extension Method {
    /// The source of the method's responses other than cache hits.
    fileprivate var source: ServerCounters.Source {
        switch self {
        case .verify, .exchange, .revoke, .listAccounts, .deleteAccount: .provider
        case .statistics, .healthCheck: .server
        }
    }
}

extension ServerStatistics.CallKind {
    init(_ ending: ServerCounters.Ending) {
        self.init(
            method: ending.method?.name.description ?? "", source: ending.source.rawValue,
            code: (ending.failure?.row.code ?? .ok).description, reason: ending.failure?.row.reason ?? "")
    }
}
