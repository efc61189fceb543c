internal import DoormanCore
package import DoormanSupport

/// What the operator decides about the server. Every limit is here, with its default in numbers.
package struct ServerSettings: Sendable, Hashable {
    /// Where to listen on TCP; nil for not at all. Default 127.0.0.1, port 7117.
    package var tcp: TCPAddress? = TCPAddress(host: "127.0.0.1", port: 7117)
    /// Where to listen on a Unix socket; nil (the default) for not at all. A socket file that is left over is replaced.
    package var unixSocketPath: String?
    /// Permissions of the Unix socket's file: who may write to it may connect. Default 0600, its owner.
    package var unixSocketMode: UInt32 = 0o600
    /// The users whose processes may connect to the Unix socket, `uid:NUMBER`; empty (the default) for whoever can open the file.
    package var unixSocketCallers: Set<Caller> = []
    /// Whether to take TCP connections without TLS from other machines, where whoever is on the way can read tokens and give answers
    /// in our place. Default no.
    package var allowsPlaintextFromNetwork = false
    /// How long a TLS handshake may take, from the connection's first moment. Default 5 s.
    package var handshakeTimeout = Duration.seconds(5)
    /// When to take a TCP peer for gone.
    package var keepalive = Keepalive()
    /// Event loops, each a thread; 0 (the default) for one a core.
    package var eventLoops = 0
    /// Connections that the kernel keeps until they are accepted, `listen(2)`. Default 1,024.
    package var acceptBacklog = 1024
    /// Connections at once over all listeners; one more is closed as soon as it is accepted. Default 10,000.
    package var maximumConnections = 10_000
    /// Who may call the service `doorman.v1.Accounts`, where there is no ``policy``. Default nobody.
    package var accountsCallers: Set<Caller> = []
    /// Who may call what, and how much; nil (the default) for everybody everything, but for accounts.
    package var policy: CallerPolicy?
    /// Callers whose limits are kept apart; the rest with the same limits share them. Default 10,000.
    package var maximumCallers = 10_000
    /// Calls that wait for the provider at once, over all connections; one more is answered `RESOURCE_EXHAUSTED`. Default 100,000.
    package var maximumWaitingCalls = 100_000
    /// What one connection may do.
    package var connection = ConnectionLimits()
    /// From the first sign of shutdown until what is left is cut off. Default 20 s.
    package var drainTimeout = Duration.seconds(20)

    package init() {}

    package struct TCPAddress: Sendable, Hashable {
        /// A name or an address to bind.
        package var host: String
        /// 0 for any free port.
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// When a peer that says nothing any more is taken for gone, by tcp(7). By default within a minute, whether it is owed an answer or
    /// not, and after three probes that were lost.
    package struct Keepalive: Sendable, Hashable {
        /// Silence after which it is probed. Whole seconds. Default 30 s.
        package var idle = Duration.seconds(30)
        /// Between two probes. Whole seconds. Default 10 s.
        package var interval = Duration.seconds(10)
        /// Probes without an answer after which it is gone. Default 3.
        package var probes = 3
        /// How long what was sent may go without the peer's acknowledgement. It also ends the probing: less than idle and all intervals
        /// together makes fewer probes count. Default 60 s.
        package var userTimeout = Duration.seconds(60)

        package init() {}
    }
}

/// What one connection may do, and for how long.
package struct ConnectionLimits: Sendable, Hashable {
    /// The longest data of a frame, in bytes: 1 to 4 MiB. Default 64 KiB.
    package var maximumFrameLength: UInt32 = 64 << 10
    /// Calls that wait for the provider at once; one more is answered `RESOURCE_EXHAUSTED`. Default 1,024.
    package var maximumCallsInFlight = 1024
    /// How long a call may take whose caller did not say. Default 2 s.
    package var defaultCallTimeout = Duration.seconds(2)
    /// How long a call may take, whatever its caller says. Default 30 s.
    package var maximumCallTimeout = Duration.seconds(30)
    /// From a frame's first byte to its last. Default 10 s.
    package var frameTimeout = Duration.seconds(10)
    /// How long a connection without a call in flight may be silent. Default 5 min.
    package var idleTimeout = Duration.seconds(300)
    /// How long answers may wait for a client that does not read. Default 10 s.
    package var writeTimeout = Duration.seconds(10)
    /// Bytes of answers waiting for the client from which on nothing more is read from it. Default 256 KiB.
    package var writeBufferHighWaterMark = 256 << 10
    /// While draining: how long a connection must have been silent before it is half-closed. Default 500 ms.
    package var drainQuietPeriod = Duration.milliseconds(500)

    package init() {}
}
