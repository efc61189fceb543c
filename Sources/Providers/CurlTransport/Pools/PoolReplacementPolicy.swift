/// Decides when pooled connections have served long enough. Pure.
///
/// libcurl replaces no connection that is in use. Its own limit (`CURLOPT_MAXLIFETIME_CONN(3)`) is checked only where a connection lies
/// idle, which one shared over HTTP/2 never does under load. A request that times out on a shared connection leaves it in place for all
/// that follow, though its server may be stopped behind a kernel that goes on acknowledging.
struct PoolReplacementPolicy: Sendable {
    enum Reason: Sendable, Hashable {
        /// The names may stand for other addresses by now.
        case age
        /// Requests time out, and none is answered.
        case timeouts
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

    /// Returns why the connections are to be replaced; `nil` if they are not.
    ///
    /// Time-outs count only after the connect timeout has passed, so that callers with short deadlines can't cause one new connection
    /// after another.
    func reason(at now: ContinuousClock.Instant, _ settings: CurlTransport.Settings) -> Reason? {
        let age = start.duration(to: now)
        if timeoutsInARow >= settings.timeoutsUntilReconnect, age >= settings.connectTimeout { return .timeouts }
        return age >= settings.maximumConnectionLifetime ? .age : nil
    }
}
