/// When the connections of a lane have served long enough: a pure decision.
///
/// libcurl replaces none that is in use. Its own limit of a connection's life (`CURLOPT_MAXLIFETIME_CONN(3)`) is looked at only where
/// a connection lies idle, which one shared over HTTP/2 never does under load; and a request that times out on a shared connection
/// leaves it in place for all that follow, though its server may be stopped behind a kernel that goes on acknowledging.
struct Wear: Sendable {
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

    mutating func noteAnswer() {
        timeoutsInARow = 0
    }

    mutating func noteTimeout() {
        timeoutsInARow += 1
    }

    /// Why the connections are to be replaced, if they are.
    ///
    /// For time-outs not before the time for connecting has passed, so that callers without patience can't have connections made one
    /// after another.
    func reason(at now: ContinuousClock.Instant, _ settings: CurlTransport.Settings) -> Reason? {
        let age = start.duration(to: now)
        if timeoutsInARow >= settings.timeoutsUntilReconnect, age >= settings.connectTimeout { return .timeouts }
        return age >= settings.maximumConnectionLifetime ? .age : nil
    }
}
