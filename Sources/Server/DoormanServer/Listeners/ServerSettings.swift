internal import DoormanCore
package import DoormanSupport

/// The settings of the server. Every limit is here with its default.
package struct ServerSettings: Sendable, Hashable {
    /// Address to listen on over TCP; `nil` for no TCP listener. Default 127.0.0.1, port 7117.
    package var tcp: TCPAddress? = TCPAddress(host: "127.0.0.1", port: 7117)
    /// Path of the Unix socket to listen on; `nil` (the default) for none. A stale socket file is replaced.
    package var unixSocketPath: String?
    /// Listening sockets that another process opened, besides those above. None by default. The server closes them when it drains.
    package var inheritedSockets: [InheritedSocket] = []
    /// Permissions of the Unix socket's file. Processes that may write to it may connect. Default 0600, its owner.
    package var unixSocketMode: UInt32 = 0o600
    /// Users that may connect to the Unix socket, as `uid:NUMBER`. Empty (the default) for every user that can open the file.
    package var unixSocketCallers: Set<Caller> = []
    /// Protocols that the listeners speak. The first bytes of a connection tell its protocol, or ALPN if TLS agrees on one. Default all.
    package var protocols = Set(ServerProtocol.allCases)
    /// Whether to accept plain TCP from other machines. Anyone on the network path could then read tokens and forge responses.
    /// Default no.
    package var allowsPlaintextFromNetwork = false
    /// Maximum duration of a TLS handshake, counted from accept. Default 5 s.
    package var handshakeTimeout = Duration.seconds(5)
    /// Detection of dead TCP peers.
    package var keepalive = Keepalive()
    /// Number of event loops, each with a thread; 0 (the default) for one per core.
    package var eventLoops = 0
    /// Maximum connections in the kernel's accept queue, see `listen(2)`. Default 1,024.
    package var acceptBacklog = 1024
    /// Maximum open connections over all listeners. A connection above it is closed right after accept. Default 10,000.
    package var maximumConnections = 10_000
    /// Permissions and limits of callers. `nil` (the default) for ``CallerPolicy/standard``.
    package var policy: CallerPolicy?
    /// Maximum callers with a quota of their own. Callers above it share one quota per set of limits. Default 10,000.
    package var maximumCallers = 10_000
    /// Maximum open connections of a caller whose rule has no `connections`, as a fraction of ``maximumConnections``. Default 0.25.
    package var connectionsPerCaller = 0.25
    /// Maximum calls in flight of a caller whose rule has no `calls-in-flight`, as a fraction of ``maximumWaitingCalls``. Default 0.25.
    package var callsInFlightPerCaller = 0.25
    /// Length of the network prefix by which IPv6 callers are counted, in bits. From 1 to 128, default 64.
    package var ipv6PrefixLength = 64
    /// Maximum calls in flight over all connections. A call above it fails with `RESOURCE_EXHAUSTED`. Default 5,000.
    package var maximumWaitingCalls = 5_000
    /// Limits of each connection.
    package var connection = ConnectionLimits()
    /// Maximum duration of a drain, from the start of graceful shutdown until the remaining connections are closed. Default 20 s.
    package var drainTimeout = Duration.seconds(20)

    package init() {}

    package struct TCPAddress: Sendable, Hashable {
        /// Host name or IP address to bind.
        package var host: String
        /// Port to bind; 0 for any free port.
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// TCP keepalive, see tcp(7). The defaults detect a dead peer within a minute, whether data for it is unacknowledged or not,
    /// and after three lost probes.
    package struct Keepalive: Sendable, Hashable {
        /// Time without data before the first probe, in whole seconds. Default 30 s.
        package var idle = Duration.seconds(30)
        /// Time between two probes, in whole seconds. Default 10 s.
        package var interval = Duration.seconds(10)
        /// Number of unacknowledged probes before the connection is closed. Default 3.
        package var probes = 3
        /// Maximum time that sent data may stay unacknowledged. It also ends the probing, so a value below `idle` plus all
        /// intervals makes fewer probes count. Default 60 s.
        package var userTimeout = Duration.seconds(60)

        package init() {}
    }
}

/// The limits of one connection.
package struct ConnectionLimits: Sendable, Hashable {
    /// Maximum length of a frame's data in bytes, 1 to 4 MiB. Default 64 KiB.
    package var maximumFrameLength: UInt32 = 64 << 10
    /// Maximum calls in flight per connection. A call above it fails with `RESOURCE_EXHAUSTED`. Default 1,024.
    package var maximumCallsInFlight = 1024
    /// Default deadline for calls that set none. Default 2 s.
    package var defaultCallTimeout = Duration.seconds(2)
    /// Maximum deadline of a call. Longer deadlines are shortened. Default 30 s.
    package var maximumCallTimeout = Duration.seconds(30)
    /// Maximum time from a frame's first byte to its last. Default 10 s.
    package var frameTimeout = Duration.seconds(10)
    /// Maximum time without a frame on a connection that has no call in flight. Default 5 min.
    package var idleTimeout = Duration.seconds(300)
    /// Maximum age of a connection; zero (the default) for no maximum. An older connection is half-closed at its first quiet moment, and
    /// drains if it has none for ``retirementPeriod``. Up to a tenth is taken off at random, so that connections that
    /// began together do not end together.
    package var maximumAge = Duration.zero
    /// Time for which a connection above its maximum age may go on without a quiet moment. Always 30 s in `doormand`.
    package var retirementPeriod = Duration.seconds(30)
    /// Maximum time that responses may wait for a client that does not read. Default 10 s.
    package var writeTimeout = Duration.seconds(10)
    /// Maximum unsent response bytes per connection. Above it the server stops reading from that connection. Default 256 KiB.
    package var writeBufferHighWaterMark = 256 << 10
    /// Time from the last answer to an accepted call, or from the beginning of the drain, to the half-close of a draining connection.
    /// Default 500 ms.
    package var drainQuietPeriod = Duration.milliseconds(500)

    package init() {}
}
