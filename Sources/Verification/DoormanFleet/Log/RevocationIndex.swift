internal import DoormanCore
internal import DoormanSupport
internal import DoormanWire

/// The token or account that a revocation concerns.
enum RevocationSubject: Hashable, Sendable {
    case token(TokenKey)
    case account(id: String, ProviderTarget)

    /// Returns what a revocation of a token or of its account can name.
    static func all(of keys: [TokenKey], _ identity: Identity) -> [RevocationSubject] {
        keys.map(RevocationSubject.token) + ProviderTarget.all(covering: identity).map { .account(id: identity.accountID, $0) }
    }
}

extension Revocation {
    /// What it concerns. A token has a subject for its key under each secret.
    var subjects: [RevocationSubject] {
        switch self {
        case .token(let known, _): known.map { .token($0.key) }
        case .account(let id, let provider, let application):
            [.account(id: id, ProviderTarget(provider: provider, applicationID: application))]
        }
    }
}

/// The position of the last revocation of each token and account, for as long as the store can hold an entry from before it.
struct RevocationIndex: Sendable {
    private var positions: [RevocationSubject: LogID] = [:]
    /// The subjects in the order of their revocations, with the time until which each matters.
    private var ends = FIFOQueue<(end: Instant, subject: RevocationSubject, position: LogID)>()

    mutating func add(token keys: [TokenKey], at position: LogID, until end: Instant) {
        for key in keys { add(.token(key), at: position, until: end) }
    }

    mutating func add(account id: String, _ target: ProviderTarget, at position: LogID, until end: Instant) {
        add(.account(id: id, target), at: position, until: end)
    }

    private mutating func add(_ subject: RevocationSubject, at position: LogID, until end: Instant) {
        positions[subject] = max(positions[subject] ?? .zero, position)
        ends.append((end, subject, position))
    }

    /// Returns whether a token or its account was revoked after a position.
    func hasRevocation(of keys: [TokenKey], _ identity: Identity, after position: LogID) -> Bool {
        guard !positions.isEmpty else { return false }
        return RevocationSubject.all(of: keys, identity).contains { (positions[$0] ?? .zero) > position }
    }

    /// Forgets the revocations that no longer matter.
    mutating func purge(at now: Instant) {
        while let (end, subject, position) = ends.first, end <= now {
            if positions[subject] == position { positions[subject] = nil }
            ends.popFirst()
        }
    }

    var count: Int { positions.count }
}
