/// How long a ``DoormanClient`` waits and how much it holds. Everything has a default.
public struct DoormanClientSettings: Sendable, Hashable {
    /// How long a call may take if the caller does not say: connecting, waiting for its turn, and the answer. A server caps
    /// it at a maximum of its own, 30 s by default. Default 2 s.
    public var timeout: Duration = .seconds(2)

    /// The most calls that wait for a connection, or for their turn on it. One more fails at once. Default 10,000.
    public var maximumWaitingCalls = 10_000

    /// The most calls in flight on a connection; more wait. Keep it at or below the server's own limit. Default 1,000.
    public var maximumCallsInFlight = 1000

    /// How often a call may be sent, the first time included. Only calls that the server did not start, or that may safely be
    /// repeated, are sent again; all within the call's deadline. Default 5.
    public var maximumAttempts = 5

    /// How long one try at connecting may take. Default 1 s.
    public var connectTimeout: Duration = .seconds(1)

    /// The pause after a first failed connection; each further one doubles it. Up to half of it is taken off at random, so that
    /// clients do not return all at once. Default 100 ms.
    public var firstBackoff: Duration = .milliseconds(100)

    /// The longest pause between two tries at connecting. Default 5 s.
    public var longestBackoff: Duration = .seconds(5)

    /// A connection on which a call ran out of time, and nothing at all has come for this long although answers are due, takes
    /// no further calls: a new one is opened for them. Default 3 s.
    public var longestSilence: Duration = .seconds(3)

    /// A connection on which nothing comes or goes for this long is closed; the next call opens another. Keep it below the
    /// server's own limit (5 minutes), so that no call is sent just as the server closes. Default 4 minutes.
    public var idleTimeout: Duration = .seconds(240)

    /// The longest answer that is taken, in bytes, 65,536 to 4,194,304. A longer one ends the connection. Default 1 MiB.
    public var maximumResponseBytes = 1 << 20

    public init() {}
}
