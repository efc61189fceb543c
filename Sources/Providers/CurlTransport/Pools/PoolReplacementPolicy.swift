/// Decides when pooled connections are replaced. Pure.
///
/// libcurl does not replace a connection in use. It checks its own limit (`CURLOPT_MAXLIFETIME_CONN(3)`) only for idle connections,
/// and a connection shared over HTTP/2 is never idle under load. After a time-out, libcurl keeps a shared connection for later
/// requests, though its server may be stopped while the kernel still acknowledges bytes.
struct PoolReplacementPolicy: Sendable {
    enum Reason: Sendable, Hashable {
        /// The connections are old, and their host names may resolve to other addresses by now.
        case age
        /// Requests in a row timed out, without a response between them.
        case timeouts
        /// Other authorities are trusted now.
        case authorities
    }

    private let start: ContinuousClock.Instant
    private var timeoutsInARow = 0

    init(start: ContinuousClock.Instant) {
        self.start = start
    }

    mutating func noteResponse() {
        timeoutsInARow = 0
    }

    mutating func noteTimeout() {
        timeoutsInARow += 1
    }

    /// Returns the reason to replace the connections; `nil` if they stay.
    ///
    /// Time-outs count only after the connect timeout, so that callers with short deadlines can't force constant reconnecting.
    func reason(at now: ContinuousClock.Instant, _ settings: CurlTransport.Settings) -> Reason? {
        let age = start.duration(to: now)
        if timeoutsInARow >= settings.timeoutsUntilReconnect, age >= settings.connectTimeout { return .timeouts }
        return age >= settings.maximumConnectionLifetime ? .age : nil
    }
}
