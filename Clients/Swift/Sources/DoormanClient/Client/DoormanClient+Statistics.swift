public import DoormanCore

// For operators. A server permits this only to callers on its own machine and to the callers that its policy names. Others get
// ``UnavailableReason/callerNotAllowed``.

extension DoormanClient {
    /// Returns the server's counters since its start, and its gauges.
    ///
    /// Counters only grow, so that the difference of two responses is what happened between them. Both must come from the same server: use
    /// one client per server, because a client of several servers sends each call to any of them.
    ///
    ///     let first = try await client.statistics()
    ///     try await Task.sleep(for: .seconds(10))
    ///     let tenSeconds = try await client.statistics().since(first)
    ///     print(tenSeconds?.counters[.cacheHits] ?? 0)
    ///
    /// - Parameter timeout: The maximum time for the call. Default `nil`: ``DoormanClientConfiguration/timeout``.
    public func statistics(timeout: Duration? = nil) async throws(DoormanError) -> ServerStatistics {
        guard case .statistics(let statistics) = try await response(to: .statistics, timeout) else { throw .wrongResponse }
        return statistics
    }
}
