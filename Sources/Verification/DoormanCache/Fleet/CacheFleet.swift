package import DoormanCore
package import DoormanSupport

/// The other nodes of a fleet, as the cache uses them. It is used after a miss and for revocations only.
package protocol CacheFleet: AnyObject, Sendable {
    /// Open while this node knows every revocation that is older than the revocation bound.
    var gate: RevocationGate { get }
    /// The maximum age of a verdict that this node uses while the gate is closed. Zero: each call asks the provider.
    var closedGateMaximumAge: Duration { get }

    /// Returns another node's verdict on a token, from the store, or waits until the node that is about to ask the provider has stored one.
    ///
    /// Never fails: without the store, the caller asks the provider.
    ///
    /// - Parameters:
    ///   - keys: The token's cache keys under all secrets.
    ///   - deadline: The end of the wait for another node.
    ///   - isUsable: Whether a verdict can be used. Otherwise this node asks the provider.
    func find(
        _ keys: [TokenKey], deadline: Deadline, where isUsable: @Sendable (SharedVerdict) -> Bool
    ) async -> SharedLookup

    /// Returns what stores the identity of a token that is issued by a request which this node is about to send.
    func sharingIssuedToken() -> @Sendable (_ key: TokenKey, Identity, _ tokenEnd: Timestamp) -> Void

    /// Reserves a slot for a revocation of this node, so that it can't be lost once the provider has been asked.
    ///
    /// - Throws: `.storeUnavailable` if too many revocations wait for the store.
    func reserveRevocation() throws(VerificationError)

    /// Gives back a slot that ``announce(_:deadline:)`` has not used.
    func releaseRevocation()

    /// Announces a revocation that has been carried out here, in its reserved slot.
    ///
    /// - Returns: Its position in the log.
    /// - Throws: `.storeUnavailable` if it is not acknowledged shortly before the deadline, or if the store has been away for a while. It stays in
    ///   line, and is announced later, if this server does not stop before. `.invalidRequest` for an account id that no message can hold.
    func announce(
        _ revocations: [SharedRevocation], deadline: Deadline
    ) async throws(VerificationError) -> RevocationPosition

    /// Returns whether this node has applied the revocation at a position.
    ///
    /// - Returns: `nil` if the bytes are no position of a fleet.
    func hasApplied(_ position: RevocationPosition) -> Bool?
}

/// A verdict that another node has stored.
package struct SharedVerdict: Sendable {
    /// The identity. ``Identity/validUntil`` is the end of the TTL.
    package let identity: Identity
    /// The end of the token itself; `.distantFuture` if it has none.
    package let tokenEnd: Timestamp
    /// The time of the provider request on this node's clock, or an earlier time up to which this node knew all revocations.
    package let requestedAt: Instant

    package init(identity: Identity, tokenEnd: Timestamp, requestedAt: Instant) {
        self.identity = identity
        self.tokenEnd = tokenEnd
        self.requestedAt = requestedAt
    }
}

/// The result of a look into the store.
package enum SharedLookup: Sendable {
    case found(SharedVerdict)
    /// No node has a verdict. This node asks the provider, and uses the ticket once.
    case miss(SharedTicket)
}

/// What a node that asks the provider owes the other nodes.
package struct SharedTicket: Sendable {
    /// Stores the identity of a valid token for the others, with the end of the token itself.
    package let share: @Sendable (Identity, Timestamp) -> Void
    /// Tells the others that there is nothing to wait for.
    package let giveUp: @Sendable () -> Void

    package init(share: @escaping @Sendable (Identity, Timestamp) -> Void, giveUp: @escaping @Sendable () -> Void) {
        self.share = share
        self.giveUp = giveUp
    }

    /// The ticket of a node that owes nothing, because it can't reach the store.
    package static let none = SharedTicket(share: { _, _ in }, giveUp: {})
}

/// A revocation that all nodes apply.
package enum SharedRevocation: Sendable, Hashable {
    /// A token, by its keys under each fleet secret of the node, in their order.
    case token([TokenKey], DenialEnd)
    /// All tokens of an account: of any provider or application that is `nil`.
    case account(id: String, ProviderTarget)

    package enum DenialEnd: Sendable, Hashable {
        /// As long as a node could serve the token from a provider request before the revocation.
        case after(Duration)
        /// The end of a token that only the nodes deny.
        case at(Timestamp)
    }
}
