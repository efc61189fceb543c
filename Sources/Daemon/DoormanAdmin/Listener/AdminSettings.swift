package import DoormanServer

/// The settings of the admin listener. Every limit is here with its default.
package struct AdminSettings: Sendable, Hashable {
    /// Address to listen on; `nil` for no admin listener. Default 127.0.0.1, port 7119.
    package var tcp: ServerSettings.TCPAddress? = ServerSettings.TCPAddress(host: "127.0.0.1", port: 7119)
    /// Whether to listen beyond loopback. The pages have no authentication. Default no.
    package var allowsNetwork = false
    /// Maximum open connections. A connection above it replaces the one that has waited longest for a request. Default 32.
    package var maximumConnections = 32
    /// Maximum time from the first byte of a request to the end of its head, and from accept to the first request. Default 10 s.
    package var headTimeout = Duration.seconds(10)
    /// Maximum time between two requests of a connection. Default 2 min: longer than a minute, which is Prometheus' own default between
    /// two scrapes. Otherwise connections would close just when the next scrape begins.
    package var idleTimeout = Duration.seconds(120)
    /// Maximum time until a page is ready. Then the answer is 503. Default 5 s.
    package var answerTimeout = Duration.seconds(5)
    /// Maximum time to write a response, and for the peer to close after the last one. Default 10 s.
    package var writeTimeout = Duration.seconds(10)

    /// Maximum bytes of a request's target and headers.
    package static let maximumHeadBytes = 8 << 10
    /// Maximum number of a request's headers.
    package static let maximumHeaders = 64

    package init() {}
}

/// The error of an admin listener that other machines could reach.
package struct AdminPagesFromNetwork: Error, CustomStringConvertible {
    package init() {}

    package var description: String {
        "other machines can reach this address, and the admin pages have no authentication. Listen on a loopback address, or accept the "
            + "risk with admin.allow-network"
    }
}
