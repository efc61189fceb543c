package import DoormanCore
package import DoormanSupport

/// A record of the log.
package struct FleetRecord: Sendable, Hashable {
    /// The author.
    package var node: NodeID
    package var content: Content

    package enum Content: Sendable, Hashable {
        case heartbeat(Heartbeat)
        /// A revocation, with its number among the author's revocations, from 1.
        case revocation(Revocation, number: UInt64)
    }

    package init(node: NodeID, _ content: Content) {
        self.node = node
        self.content = content
    }
}

/// The id of one run of a node: 16 random bytes.
package struct NodeID: Sendable, Hashable {
    package static let byteCount = 16
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// Says that a node lives, and how far it is.
package struct Heartbeat: Sendable, Hashable {
    /// The number among the node's heartbeats, from 1.
    package var number: UInt64
    /// The number of the node's last revocation in the log; 0 for none. A reader that knows fewer has lost one.
    package var lastRevocation: UInt64
    /// The position that the node has applied.
    package var applied: LogID
    /// Whether the node stops: nothing waits for it any more.
    package var isLast: Bool
    /// The epoch whose log has all revocations of the node that still matter; `nil` if some may be missing in it.
    package var epoch: String?
    /// The time for which the node needs records, in whole seconds; zero if it is not stated.
    package var retention: Duration

    package init(
        number: UInt64, lastRevocation: UInt64, applied: LogID, isLast: Bool = false, epoch: String? = nil,
        retention: Duration = .zero
    ) {
        self.number = number
        self.lastRevocation = lastRevocation
        self.applied = applied
        self.isLast = isLast
        self.epoch = epoch
        self.retention = retention
    }
}

/// The revocation of a token or of all tokens of an account.
package enum Revocation: Sendable, Hashable {
    /// The token's keys under each fleet secret of the author, and the end of its denial.
    case token([KeyOfToken], DenialEnd)
    /// `nil` for the account of any provider or application.
    case account(id: String, provider: String?, application: String?)

    /// The key of a token under one fleet secret.
    package struct KeyOfToken: Sendable, Hashable {
        package var secret: SecretID
        package var key: TokenKey

        package init(secret: SecretID, key: TokenKey) {
            self.secret = secret
            self.key = key
        }
    }

    package enum DenialEnd: Sendable, Hashable {
        /// The provider has revoked the token, so no node needs the denial longer than this time from when it applies the record.
        case after(Duration)
        /// Only the nodes deny the token, so they must until then. Survives restarts.
        case at(Timestamp)
    }
}

/// The name of a fleet secret: 8 bytes that say nothing about it.
package struct SecretID: Sendable, Hashable {
    package static let byteCount = 8
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}
