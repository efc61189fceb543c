package import DoormanClient

/// What a load is like. Every limit is here, with its default in numbers.
package struct BenchSettings: Sendable, Hashable {
    package static let possibleConnections = 1...10_000
    package static let possibleDepths = 1...1024
    package static let possibleThreads = 1...64
    package static let possibleRates = 1...10_000_000

    /// Where the server listens.
    package var address: DoormanTarget
    /// How TCP connections speak TLS; nil (the default) for plain ones.
    package var tls: DoormanTLS?
    /// Connections, all opened before the first call. Default 10.
    package var connections = 10
    /// Calls in flight on each connection. Default 1.
    package var depth = 1
    /// Event loops, a thread each, that share the connections. Default 1; more than connections are not used.
    package var threads = 1
    /// Calls that begin in a second, over all connections; nil (the default) for a closed loop, in which a call begins as soon as
    /// the one before it is answered.
    package var rate: CallRate?
    /// How long calls are made before any is counted. Default 2 s.
    package var warmUp = Duration.seconds(2)
    /// How long calls are counted. Default 10 s.
    package var duration = Duration.seconds(10)
    /// How long opening a connection may take, a TLS handshake included. Default 2 s.
    package var connectTimeout = Duration.seconds(2)
    /// How long a call that is due may wait until it can be sent, and then for its answer. Default 2 s.
    package var callTimeout = Duration.seconds(2)
    /// How old an answer from memory may be; nil (the default) for any age.
    package var maxAge: Duration?
    /// The application that the tokens must be of; nil (the default) for any.
    package var applicationID: String?

    package init(address: DoormanTarget) {
        self.address = address
    }

    var loops: Int { min(threads, connections) }
}

/// Calls that begin in a second.
package struct CallRate: Sendable, Hashable {
    package let callsPerSecond: Int

    package init(callsPerSecond: Int) {
        precondition(BenchSettings.possibleRates.contains(callsPerSecond))
        self.callsPerSecond = callsPerSecond
    }
}
