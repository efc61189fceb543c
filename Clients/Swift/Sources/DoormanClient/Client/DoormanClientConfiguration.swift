/// The configuration of a ``DoormanClient``: timeouts, limits, and the reaction to servers that fail. Every property has a default.
public struct DoormanClientConfiguration: Sendable, Hashable {
    // Calls.

    /// The deadline for calls that set none. It covers name resolution, connecting, waiting for a free stream, and the response. A server
    /// caps it at a maximum of its own, 30 s by default. Default 2 s.
    public var timeout: Duration = .seconds(2)

    /// The most calls that wait for a connection, or for their turn on it. One more fails at once. Besides, as many calls with
    /// completions may wait for the client's thread. Default 10,000.
    public var maximumWaitingCalls = 10_000

    /// The most calls in flight on a connection; more wait. Keep it at or below the server's own limit. Default 1,000.
    public var maximumCallsInFlight = 1000

    /// The longest answer that is taken, in bytes, 65,536 to 4,194,304. A longer one ends the connection. Default 1 MiB.
    public var maximumResponseBytes = 1 << 20

    // Calls that are sent again.

    /// How often a call may be sent, the first time included. Only calls that the server did not start, or that may safely be
    /// repeated, are sent again; all within the call's deadline. Default 5.
    public var maximumAttempts = 5

    /// How many calls may be sent again, as a part of those of the last ten seconds: 0.2 is one in five. Calls of which it is
    /// certain that no server began them cost nothing of this. Default 0.2.
    public var retryRatio = 0.2

    /// How many calls a second may be sent again besides, reckoned over ten seconds too, so that a client that asks little may
    /// still try again. Default 10.
    public var retriesPerSecond = 10.0

    /// How long a `verify` waits for its answer before it is sent to a second server as well; the first answer counts. Nil:
    /// never. Choose about the 99th percentile of your calls: a call that the server answers from memory takes a millisecond,
    /// one that it must ask the provider about takes as long as the provider does, and hedging those asks the provider twice.
    /// Default nil.
    public var hedgeAfter: Duration?

    /// How many calls may be hedged, as a part of all calls. Default 0.05.
    public var hedgeRatio = 0.05

    // Connections.

    /// How many connections are held to each server. One carries some hundred thousand calls a second. Default 1.
    public var connectionsPerServer = 1

    /// The most servers that are used at a time. Where names stand for more, so many of them are picked at random. Default 32.
    public var maximumServers = 32

    /// How often names are looked up again while there are calls. A failed connection has them looked up too, at most once a
    /// second. Default 30 s.
    public var lookUpInterval: Duration = .seconds(30)

    /// How long one try at connecting may take, the TLS handshake included. Default 1 s.
    public var connectTimeout: Duration = .seconds(1)

    /// The pause after a first failed connection; each further one doubles it. Up to half of it is taken off at random, so that
    /// clients do not return all at once. Default 100 ms.
    public var firstBackoff: Duration = .milliseconds(100)

    /// The longest pause between two tries at connecting. When the last server is lost that takes calls, those that were down
    /// longer than a first pause are tried at once. Default 1 s.
    public var longestBackoff: Duration = .seconds(1)

    /// A connection on which answers are due, and nothing at all has come for this long, is suspected: its server is asked for
    /// its health, and calls go elsewhere or wait. A server answers that at once, however slow its provider is. Default 250 ms.
    public var suspicionAfter: Duration = .milliseconds(250)

    /// How long a server may take to say how it is. One that takes longer counts as hung: its calls are sent to others, as far as
    /// they may be, and it is left alone for a while. Default 250 ms.
    public var pingTimeout: Duration = .milliseconds(250)

    /// How often the server behind a connection without traffic is asked for its health. Default 30 s.
    public var pingInterval: Duration = .seconds(30)

    /// A connection that no call has used for this long is closed; the next call opens another. Keep it below the server's own
    /// limit (5 minutes), so that no call is sent just as the server closes. Default 4 minutes.
    public var idleTimeout: Duration = .seconds(240)

    /// How old a connection may become; up to a fifth is taken off at random. Its successor is opened with what the names and
    /// certificates are by then. Default 1 hour.
    public var maximumConnectionAge: Duration = .seconds(3600)

    // The near cache.

    /// How many identities are kept in this process, so that the same token need not be asked about again. 0: none. Default 0.
    ///
    /// The trade: a token that is revoked, or that the provider has taken back, is still taken by this client until its entry
    /// ends (``nearCacheLifetime``), and only a revocation made through this very client is known at once. The server answers
    /// from memory within a fraction of a millisecond, so this is worth it only where even that counts. Tokens are held in this
    /// process's memory as long as their entries. Refusals and stale answers are never kept, and a call that says `maxAge`
    /// always asks the server.
    public var nearCacheCapacity = 0

    /// How long an identity is kept near at most; never longer than its ``Identity/validUntil`` by this machine's clock. Default
    /// 5 s.
    public var nearCacheLifetime: Duration = .seconds(5)

    /// All defaults.
    public init() {}
}
