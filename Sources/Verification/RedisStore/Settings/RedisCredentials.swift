internal import DoormanCore

/// What proves a node to the store's servers and to Sentinels, and the servers to the node. It can be replaced while the store is in use.
package struct RedisCredentials: Sendable, Hashable {
    /// The user of the ACL; `nil` for the default user.
    package var user: String?
    /// `nil` if the servers need none.
    package var password: [UInt8]?
    /// The certificates of trusted authorities in PEM form; `nil` for those of the system.
    package var authorities: [UInt8]?

    package init(user: String? = nil, password: [UInt8]? = nil, authorities: [UInt8]? = nil) {
        self.user = user
        self.password = password
        self.authorities = authorities
    }
}

extension RedisCredentials: Redacted {
    package var description: String { "RedisCredentials(redacted)" }
}
