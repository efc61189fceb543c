package import DoormanClient

/// The settings of a load.
package struct BenchSettings: Sendable, Hashable {
    package static let possibleConnections = 1...10_000
    package static let possibleDepths = 1...1024
    package static let possibleThreads = 1...64
    package static let possibleRates = 1...10_000_000

    /// Address of the server.
    package var address: DoormanTarget
    /// TLS for TCP connections; `nil` (the default) for none.
    package var tls: DoormanTLS?
    /// Number of connections. All are opened before the first call. Default 10.
    package var connections = 10
    /// Maximum calls in flight on each connection. Default 1.
    package var depth = 1
    /// Number of event loops, each with a thread of its own. Default 1. Event loops without a connection are not started.
    package var threads = 1
    /// Calls per second over all connections; `nil` (the default) for a closed loop, in which each response starts the next call.
    package var rate: CallRate?
    /// Time during which calls are made and not counted. Default 2 s.
    package var warmUp = Duration.seconds(2)
    /// Time during which calls are counted. Default 10 s.
    package var duration = Duration.seconds(10)
    /// Maximum time to open a connection, including the TLS handshake. Default 2 s.
    package var connectTimeout = Duration.seconds(2)
    /// Maximum time that a due call waits until it is sent, and then for its response. Default 2 s.
    package var callTimeout = Duration.seconds(2)
    /// Maximum age of a cached entry; `nil` (the default) for any age.
    package var maxAge: Duration?
    /// The application that the tokens must belong to; `nil` (the default) for any.
    package var applicationID: String?

    package init(address: DoormanTarget) {
        self.address = address
    }

    var loops: Int { min(threads, connections) }
}

/// A rate of calls.
package struct CallRate: Sendable, Hashable {
    package let callsPerSecond: Int

    package init(callsPerSecond: Int) {
        precondition(BenchSettings.possibleRates.contains(callsPerSecond))
        self.callsPerSecond = callsPerSecond
    }
}
