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
        /// `nil` for a frame without a method: one that is no request, or too long.
        package let method: Method?
        package let source: ResponseSource
        /// `nil` for success.
        package let failure: Failure?

        package init(_ method: Method?, from source: ResponseSource, _ failure: Failure?) {
            self.method = method
            self.source = source
            self.failure = failure
        }
    }

    /// The key of latencies.
    package struct LatencyKind: Sendable, Hashable {
        package let method: Method
        package let source: ResponseSource
    }

    /// The counters of one or several event loops at one moment.
    package struct Snapshot: Sendable, Hashable {
        package fileprivate(set) var calls: [Ending: UInt64] = [:]
        package fileprivate(set) var latencies: [LatencyKind: LatencyHistogram] = [:]
        /// Closed connections by the reason's name.
        package fileprivate(set) var connectionsClosed: [String: UInt64] = [:]

        package init() {}

        /// Adds the counters of another event loop.
        package mutating func add(_ other: Snapshot) {
            calls.merge(other.calls, uniquingKeysWith: &+)
            latencies.merge(other.latencies) { $0.adding($1) }
            connectionsClosed.merge(other.connectionsClosed, uniquingKeysWith: &+)
        }
    }

    /// `Verify` calls that the cache answered with an identity. Most calls end so, and need no dictionary lookup.
    private var validHits: UInt64 = 0
    private var rejectedHits: UInt64 = 0
    /// The hits whose latency is recorded.
    private var recordedHits: UInt64 = 0
    private var hitLatency = LatencyHistogram()
    private var otherCounts = Snapshot()
    private var callerEvents = CallerEvents()

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
        count(Ending(.verify, from: .cache, Failure(denial)))
    }

    /// Records the latency of the hits since the last turn, which is the duration of their turn.
    @inline(__always)
    func recordHits(from start: Instant, to end: Instant) {
        let hits = validHits &+ rejectedHits
        guard hits != recordedHits else { return }
        hitLatency.record(nanoseconds: Int64(truncatingIfNeeded: end.nanoseconds &- start.nanoseconds), count: hits &- recordedHits)
        recordedHits = hits
    }

    /// Counts a call that the server turned down.
    ///
    /// - Parameter method: `nil` for a frame without a method.
    package func countFailure(_ failure: Failure, of method: Method?) {
        count(Ending(method, from: .server, failure))
    }

    /// Counts an asynchronous call at its end.
    func countFinished(_ method: Method, from source: ResponseSource, _ failure: Failure?, took latency: Duration) {
        count(Ending(method, from: source, failure))
        otherCounts.latencies[LatencyKind(method: method, source: source), default: LatencyHistogram()].record(latency)
    }

    /// Counts a health check.
    func countHealthCheck() {
        count(Ending(.healthCheck, from: .server, nil))
    }

    /// Notes a call that was turned down, for the log.
    package func note(_ event: CallerEvent) { callerEvents.note(event) }

    /// Returns the calls that were noted since the last call of this function.
    package func takeCallerEvents() -> CallerEvents {
        defer { callerEvents = CallerEvents() }
        return callerEvents
    }

    /// Counts a connection that was closed.
    ///
    /// - Parameter reason: One of a few constant names.
    func countClosed(_ reason: String) {
        otherCounts.connectionsClosed[reason, default: 0] &+= 1
    }

    package var snapshot: Snapshot {
        var snapshot = otherCounts
        if validHits > 0 { snapshot.calls[Ending(.verify, from: .cache, nil), default: 0] &+= validHits }
        if recordedHits > 0 {
            // Calls that found an entry only when they waited for a lookup are in the other histogram.
            let kind = LatencyKind(method: .verify, source: .cache)
            snapshot.latencies[kind] = snapshot.latencies[kind]?.adding(hitLatency) ?? hitLatency
        }
        return snapshot
    }

    private func count(_ ending: Ending) {
        otherCounts.calls[ending, default: 0] &+= 1
    }
}

extension ServerStatistics.CallKind {
    init(_ ending: ServerCounters.Ending) {
        self.init(
            method: ending.method?.name.description ?? "", source: ending.source.rawValue,
            code: (ending.failure?.row.code ?? .ok).description, reason: ending.failure?.row.reason ?? "")
    }
}

extension ServerStatistics.LatencyKind {
    init(_ kind: ServerCounters.LatencyKind) {
        self.init(method: kind.method.name.description, source: kind.source.rawValue)
    }
}
