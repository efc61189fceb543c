internal import DoormanCore
package import DoormanWire

/// Counts how calls and connections of one event loop ended. Only that loop touches it, so that a hit pays for one addition. Statistics
/// read it on the loop, by ``snapshot``.
///
/// Each event is counted once, where it happens. No name ever holds anything that a peer sent.
package final class ServerCounters {
    /// Where the answer of a call came from.
    package enum Source: String, Sendable, Hashable {
        case cache = "cache"
        case provider
        case server
    }

    /// Calls that ended alike.
    package struct Ending: Sendable, Hashable {
        /// `nil` for calls that failed before it mattered which method they are of.
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

    /// The counters at one moment, of one event loop or of several.
    package struct Snapshot: Sendable, Hashable {
        package fileprivate(set) var calls: [Ending: UInt64] = [:]
        /// By the reason for which connections were closed.
        package fileprivate(set) var connectionsClosed: [String: UInt64] = [:]

        package init() {}

        /// Adds another event loop's.
        package mutating func add(_ other: Snapshot) {
            calls.merge(other.calls, uniquingKeysWith: &+)
            connectionsClosed.merge(other.connectionsClosed, uniquingKeysWith: &+)
        }
    }

    /// `Verify` calls that the cache answered with an identity: nearly all, so they have a number of their own.
    private var validHits: UInt64 = 0
    private var others = Snapshot()

    package init() {}

    /// Counts a `Verify` that the cache answered.
    ///
    /// - Parameter rejection: Why the token is rejected; `nil` for a valid one.
    @inline(__always)
    func countHit(rejection: Rejection.Reason?) {
        guard let rejection else {
            validHits &+= 1
            return
        }
        count(Ending(.verify, from: .cache, Failure(rejection)))
    }

    /// Counts a call that failed before it mattered which method it is of.
    func countFailure(_ failure: Failure) {
        count(Ending(nil, from: .server, failure))
    }

    /// Counts a call that waited, at its end.
    func countFinished(_ method: Method, _ failure: Failure?) {
        count(Ending(method, from: method.source, failure))
    }

    /// Counts a health check.
    func countHealthCheck() {
        count(Ending(.healthCheck, from: .server, nil))
    }

    /// Counts a connection that was closed.
    ///
    /// - Parameter reason: One of few names.
    func countClosed(_ reason: String) {
        others.connectionsClosed[reason, default: 0] &+= 1
    }

    package var snapshot: Snapshot {
        var snapshot = others
        if validHits > 0 { snapshot.calls[Ending(.verify, from: .cache, nil)] = validHits }
        return snapshot
    }

    private func count(_ ending: Ending) {
        others.calls[ending, default: 0] &+= 1
    }
}

extension Method {
    /// Where its answer comes from, if not from the cache.
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
