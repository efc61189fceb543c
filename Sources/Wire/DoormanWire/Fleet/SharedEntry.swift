package import DoormanCore

/// A verdict of a provider that a node has stored for the others. Only valid tokens have one.
package struct SharedEntry: Sendable, Hashable {
    /// The identity. ``Identity/verifiedAt`` is the time of the provider request; ``Identity/validUntil`` is the end of the TTL.
    package var identity: Identity
    /// The end of the token itself; `.distantFuture` if it has none.
    package var tokenEnd: Timestamp
    /// The configuration of the provider that the identity depends on. Nodes with another one don't take the entry.
    package var fingerprint: [UInt8]
    /// The position of the log that the writer had applied when it sent the provider request.
    package var requestedAfter: LogPosition

    package init(identity: Identity, tokenEnd: Timestamp, fingerprint: [UInt8], requestedAfter: LogPosition) {
        self.identity = identity
        self.tokenEnd = tokenEnd
        self.fingerprint = fingerprint
        self.requestedAfter = requestedAfter
    }
}

/// A position in the log of one epoch.
package struct LogPosition: Sendable, Hashable {
    /// The epoch: the id of the store's process. Each restart and each failover begins another, because the store may have lost data.
    package var epoch: String
    package var id: LogID

    package init(epoch: String, id: LogID) {
        self.epoch = epoch
        self.id = id
    }
}
