package import DoormanSupport

/// The settings of a store on Redis or Valkey, without its secrets.
package struct RedisStoreSettings: Sendable, Hashable {
    /// The server, or the Sentinels of ``sentinelPrimary``. Without Sentinel and with several servers, the primary is the first that says so.
    package var addresses: [HostAndPort]
    /// Whether connections use TLS, those to Sentinels as well.
    package var usesTLS: Bool
    /// The name by which Sentinels know the primary; `nil` if the addresses are those of servers.
    package var sentinelPrimary: String?
    /// The maximum time to open a session, with all connections that it needs. Default 1 s.
    package var connectTimeout: Duration = .seconds(1)
    /// The maximum time of a command of an entry or a lease. Default 20 ms.
    package var commandTimeout: Duration = .milliseconds(20)
    /// The maximum time of a command of the log or a sorted set. Default 500 ms.
    package var logTimeout: Duration = .milliseconds(500)
    /// The time for which the oldest command has no reply, after which a session is closed. Default 1 s.
    package var silenceTimeout: Duration = .seconds(1)

    /// - Parameter addresses: At least one.
    package init(addresses: [HostAndPort], usesTLS: Bool, sentinelPrimary: String? = nil) {
        precondition(!addresses.isEmpty)
        self.addresses = addresses
        self.usesTLS = usesTLS
        self.sentinelPrimary = sentinelPrimary
    }
}
