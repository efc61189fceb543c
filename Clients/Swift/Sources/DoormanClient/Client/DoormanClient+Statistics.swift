public import DoormanCore

// For operators. A server allows this only to callers on its own machine and to callers that its policy names. Others get
// ``UnavailableReason/callerNotAllowed``.

extension DoormanClient {
    /// What the server has counted since it started, and how full it is.
    ///
    /// Counts only grow, so that two answers tell what happened between them. They must be of one server: of several any may answer, so
    /// have a client for each.
    ///
    ///     let first = try await client.statistics()
    ///     try await Task.sleep(for: .seconds(10))
    ///     let tenSeconds = try await client.statistics().since(first)
    ///     print(tenSeconds?.counters[.cacheHits] ?? 0)
    ///
    /// - Parameter timeout: How long the call may take. Nil: ``DoormanClientConfiguration/timeout``.
    public func statistics(timeout: Duration? = nil) async throws(DoormanError) -> ServerStatistics {
        guard case .statistics(let statistics) = try await response(to: .statistics, timeout) else { throw .wrongResponse }
        return statistics
    }
}
