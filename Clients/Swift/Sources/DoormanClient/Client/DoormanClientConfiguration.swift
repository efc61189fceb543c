/// The configuration of a ``DoormanClient``: timeouts, limits, and the reaction to servers that fail. Every property has a default.
public struct DoormanClientConfiguration: Sendable, Hashable {
    // Calls.

    /// The timeout of calls that set none. It covers name resolution, connecting, waiting for a free stream, retries and the response. A
    /// server limits it to its own maximum, 30 s by default. Default 2 s.
    public var timeout: Duration = .seconds(2)

    /// The maximum number of calls that wait for a connection or a free stream. A further call fails with
    /// ``UnavailableReason/tooManyWaiting``. The same limit applies separately to calls with completions that wait for the client's thread.
    /// Default 10,000.
    public var maximumWaitingCalls = 10_000

    /// The maximum number of calls in flight per connection, at least 1. Further calls wait. Keep it at or below the server's limit.
    /// Default 1,000.
    public var maximumCallsInFlight = 1000

    /// The maximum length of a response in bytes, 65,536 to 4,194,304. A call with a longer response fails with
    /// ``UnavailableReason/protocolViolation``. Default 1 MiB.
    public var maximumResponseBytes = 1 << 20

    // Retries.

    /// The maximum number of attempts per call, including the first. The client retries a call only if no server began it or if it is safe
    /// to repeat, and only within its deadline. Default 5.
    public var maximumAttempts = 5

    /// The retry budget, as a ratio of the calls of the last ten seconds, 0 or more. A retry of a call that certainly no server began is
    /// not charged. Default 0.2: one retry for five calls.
    public var retryRatio = 0.2

    /// The number of retries per second that the retry budget allows in addition, averaged over ten seconds, 0 or more. It lets a client
    /// with few calls retry. Default 10.
    public var retriesPerSecond = 10.0

    /// The time after which a `verify` without a response is sent to a second server too. The first response counts. Choose about the 99th
    /// percentile of your latency: a cache hit takes a millisecond, and hedging a cache miss sends two provider requests. Default `nil`:
    /// no hedging.
    public var hedgeAfter: Duration?

    /// The maximum ratio of hedged calls to all calls, 0 or more. Default 0.05.
    public var hedgeRatio = 0.05

    // Connections.

    /// The number of connections to each server, at least 1. One connection carries some hundred thousand calls per second. Default 1.
    public var connectionsPerServer = 1

    /// The maximum number of servers in use, at least 1. If the names have more addresses, the client picks some at random. Default 32.
    public var maximumServers = 32

    /// The time between two look-ups of a name while there are calls. A failed connection causes a look-up too, at most once per second.
    /// Default 30 s.
    public var lookUpInterval: Duration = .seconds(30)

    /// The maximum time to establish a connection, including the TLS handshake. Default 1 s.
    public var connectTimeout: Duration = .seconds(1)

    /// The back-off after the first failed connection. Each further failure doubles it, and random jitter shortens it by up to half.
    /// Default 100 ms.
    public var firstBackoff: Duration = .milliseconds(100)

    /// The maximum back-off. When the last ready server is lost, the back-off of every other server shrinks to ``firstBackoff``.
    /// Default 1 s.
    public var longestBackoff: Duration = .seconds(1)

    /// The time without any response after which a connection with calls in flight is suspected. The client then sends a health check, and
    /// sends calls elsewhere or lets them wait. A server responds to a health check at once, even if its provider is slow. Default 250 ms.
    public var suspicionAfter: Duration = .milliseconds(250)

    /// The maximum time for a response to a health check. Above it the server counts as hung: calls that are safe to repeat move to other
    /// servers within the retry budget, and the client backs off from the server. Default 250 ms.
    public var pingTimeout: Duration = .milliseconds(250)

    /// The time between health checks on an idle connection. Default 30 s.
    public var pingInterval: Duration = .seconds(30)

    /// The time without a call after which a connection is closed. The next call opens another. Keep it below the server's limit, 5 minutes
    /// by default, so that no call is sent while the server closes the connection. Default 4 minutes.
    public var idleTimeout: Duration = .seconds(240)

    /// The maximum age of a connection. Random jitter shortens it by up to a fifth. The next connection uses the current addresses and
    /// certificates. Default 1 hour.
    public var maximumConnectionAge: Duration = .seconds(3600)

    // The near cache.

    /// The maximum number of identities in this process's near cache. Default 0: no near cache.
    ///
    /// The trade-off: this client accepts a revoked token until its entry expires (``nearCacheTTL``), unless this client made the
    /// revocation or has got a rejection of the token since. Tokens stay in this process's memory until newer entries take their place. A
    /// cache hit at the server takes a fraction of a millisecond, so use the near cache only if that is too slow. Rejections and stale
    /// verdicts are never cached, and calls with `maxAge` bypass the near cache.
    public var nearCacheCapacity = 0

    /// The TTL of near cache entries, limited by ``Identity/validUntil`` on this machine's clock. Default 5 s.
    public var nearCacheTTL: Duration = .seconds(5)

    /// Creates a configuration with all defaults.
    public init() {}
}
