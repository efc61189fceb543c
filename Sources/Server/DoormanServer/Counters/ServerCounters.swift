package import DoormanCore
package import DoormanSupport
package import DoormanWire

/// Counts how the calls and connections of one event loop ended. Only that loop uses the counters, so that a cache hit costs one
/// addition. Statistics read ``snapshot`` on the loop.
///
/// Each event is counted once, where it happens. No name contains data that a peer sent.
package final class ServerCounters {
    /// The key of calls that ended alike.
    package struct Ending: Sendable, Hashable {
        package let wireProtocol: ServerProtocol
        /// `nil` for a frame without a method: one that is no request, or too long.
        package let method: Method?
        package let source: ResponseSource
        /// `nil` for success.
        package let failure: Failure?

        package init(_ wireProtocol: ServerProtocol, _ method: Method?, from source: ResponseSource, _ failure: Failure?) {
            self.wireProtocol = wireProtocol
            self.method = method
            self.source = source
            self.failure = failure
        }
    }

    /// The key of latencies.
    package struct LatencyKind: Sendable, Hashable {
        package let wireProtocol: ServerProtocol
        package let method: Method
        package let source: ResponseSource
    }

    /// The connections of one protocol.
    package struct ConnectionCounts: Sendable, Hashable {
        /// The connections that began, and whose protocol is known.
        package fileprivate(set) var accepted: UInt64 = 0
        package fileprivate(set) var open = 0
    }

    /// TLS handshakes by their end.
    package struct HandshakeCounts: Sendable, Hashable {
        package fileprivate(set) var completed: UInt64 = 0
        package fileprivate(set) var failed: UInt64 = 0
    }

    /// The counters of one or several event loops at one moment.
    package struct Snapshot: Sendable, Hashable {
        package fileprivate(set) var calls: [Ending: UInt64] = [:]
        package fileprivate(set) var latencies: [LatencyKind: LatencyHistogram] = [:]
        /// Closed connections by the reason's name.
        package fileprivate(set) var connectionsClosed: [String: UInt64] = [:]
        package fileprivate(set) var connections: [ServerProtocol: ConnectionCounts] = [:]
        /// Times when a listener could not accept a connection.
        package fileprivate(set) var acceptFailures: UInt64 = 0
        package fileprivate(set) var handshakes = HandshakeCounts()
        /// The calls of callers by the name of their rule.
        package fileprivate(set) var rules: [String: RuleCounters.Counts] = [:]
        /// The delays of a task on each event loop, looked at once a second.
        package fileprivate(set) var loopLag = LatencyHistogram()

        package init() {}

        /// Adds the counters of another event loop.
        package mutating func add(_ other: Snapshot) {
            calls.merge(other.calls, uniquingKeysWith: &+)
            latencies.merge(other.latencies) { $0.adding($1) }
            connectionsClosed.merge(other.connectionsClosed, uniquingKeysWith: &+)
            for (wireProtocol, counts) in other.connections {
                connections[wireProtocol, default: ConnectionCounts()].accepted &+= counts.accepted
                connections[wireProtocol, default: ConnectionCounts()].open += counts.open
            }
            acceptFailures &+= other.acceptFailures
            handshakes.completed &+= other.handshakes.completed
            handshakes.failed &+= other.handshakes.failed
            rules.merge(other.rules) { $0.adding($1) }
            loopLag = loopLag.adding(other.loopLag)
        }
    }

    /// The cache hits over one protocol.
    private struct Hits {
        /// `Verify` calls that the cache answered with an identity.
        var valid: UInt64 = 0
        var latency = LatencyHistogram()
    }

    /// The hits of the turn with an identity, and without. Most calls end so, and need no dictionary lookup.
    private var validHits: UInt64 = 0
    private var rejectedHits: UInt64 = 0
    /// The hits of earlier turns, by the protocols in the order of `allCases`. No dictionary: each turn counts here.
    private var hits = ServerProtocol.allCases.map { _ in Hits() }
    private var otherCounts = Snapshot()
    private var callerEvents = CallerEvents()
    /// The counts by rule of the policy.
    package let rules = RuleCounters()
    /// The protocol of the connection whose events are counted now. An event loop handles one connection at a time, and each event of a
    /// connection begins with its protocol.
    package var wireProtocol = ServerProtocol.ttrpc

    package init() {}

    /// Counts a `Verify` that the cache answered.
    ///
    /// - Parameter denial: Why the call gets no identity; `nil` if it gets one.
    @inline(__always)
    func countHit(denial: VerdictDenial?) {
        guard let denial else {
            validHits &+= 1
            return
        }
        rejectedHits &+= 1
        count(.verify, from: .cache, Failure(denial))
    }

    /// Ends a turn: records the latency of its hits, which is the duration of the turn.
    @inline(__always)
    package func endTurn(from start: Instant, to end: Instant) {
        let count = validHits &+ rejectedHits
        guard count > 0 else { return }
        let nanoseconds = Int64(truncatingIfNeeded: end.nanoseconds &- start.nanoseconds)
        hits[wireProtocol.index].valid &+= validHits
        hits[wireProtocol.index].latency.record(nanoseconds: nanoseconds, count: count)
        (validHits, rejectedHits) = (0, 0)
    }

    /// Counts a call that the server turned down.
    ///
    /// - Parameter method: `nil` for a frame without a method.
    package func countFailure(_ failure: Failure, of method: Method?) {
        count(method, from: .server, failure)
    }

    /// Counts an asynchronous call at its end.
    func countFinished(_ method: Method, from source: ResponseSource, _ failure: Failure?, took latency: Duration) {
        count(method, from: source, failure)
        record(latency, of: method, from: source)
    }

    /// Records the latency of a call whose deadline has passed. Its connection counts the call as it answers it.
    func recordExpired(_ method: Method, took latency: Duration) { record(latency, of: method, from: .server) }

    private func record(_ latency: Duration, of method: Method, from source: ResponseSource) {
        let kind = LatencyKind(wireProtocol: wireProtocol, method: method, source: source)
        otherCounts.latencies[kind, default: LatencyHistogram()].record(latency)
    }

    /// Counts a health check.
    func countHealthCheck() {
        count(.healthCheck, from: .server, nil)
    }

    /// Notes a call that was turned down, for the log.
    package func note(_ event: CallerEvent) { callerEvents.note(event) }

    /// Returns the calls that were noted since the last call of this function.
    package func takeCallerEvents() -> CallerEvents {
        defer { callerEvents = CallerEvents() }
        return callerEvents
    }

    /// The failed calls since the start, by failure.
    package var failures: [Failure: UInt64] {
        otherCounts.calls.reduce(into: [:]) { failures, call in
            if let failure = call.key.failure { failures[failure, default: 0] &+= call.value }
        }
    }

    /// Counts a connection that was closed.
    ///
    /// - Parameter reason: One of a few constant names.
    func countClosed(_ reason: String) {
        otherCounts.connectionsClosed[reason, default: 0] &+= 1
    }

    /// Counts a connection whose protocol is known.
    func countOpened(_ wireProtocol: ServerProtocol) {
        otherCounts.connections[wireProtocol, default: ConnectionCounts()].accepted &+= 1
        otherCounts.connections[wireProtocol, default: ConnectionCounts()].open += 1
    }

    /// Counts the end of a connection that ``countOpened(_:)`` counted.
    func countEnded(_ wireProtocol: ServerProtocol) {
        otherCounts.connections[wireProtocol, default: ConnectionCounts()].open -= 1
    }

    func countAcceptFailure() { otherCounts.acceptFailures &+= 1 }

    func countCompletedHandshake() { otherCounts.handshakes.completed &+= 1 }

    func countFailedHandshake() { otherCounts.handshakes.failed &+= 1 }

    /// Records the delay of a task on the event loop.
    func record(loopLag: Duration) { otherCounts.loopLag.record(loopLag) }

    package var snapshot: Snapshot {
        var snapshot = otherCounts
        snapshot.rules = rules.counts
        for (wireProtocol, hits) in zip(ServerProtocol.allCases, hits) where hits.valid > 0 || hits.latency != LatencyHistogram() {
            if hits.valid > 0 { snapshot.calls[Ending(wireProtocol, .verify, from: .cache, nil), default: 0] &+= hits.valid }
            // Calls that found an entry only when they waited for a lookup are in the other histogram.
            let kind = LatencyKind(wireProtocol: wireProtocol, method: .verify, source: .cache)
            snapshot.latencies[kind] = snapshot.latencies[kind]?.adding(hits.latency) ?? hits.latency
        }
        return snapshot
    }

    private func count(_ method: Method?, from source: ResponseSource, _ failure: Failure?) {
        otherCounts.calls[Ending(wireProtocol, method, from: source, failure), default: 0] &+= 1
    }
}

extension ServerProtocol {
    /// The protocol's place in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .ttrpc: 0
        case .http2: 1
        case .http1: 2
        }
    }
}

extension ServerStatistics.CallKind {
    package init(_ ending: ServerCounters.Ending) {
        self.init(
            method: ending.method?.name.description ?? "", source: ending.source.rawValue,
            code: (ending.failure?.row.code ?? .ok).description, reason: ending.failure?.row.reason ?? "")
    }
}

extension ServerStatistics.LatencyKind {
    package init(_ kind: ServerCounters.LatencyKind) {
        self.init(method: kind.method.name.description, source: kind.source.rawValue)
    }
}
