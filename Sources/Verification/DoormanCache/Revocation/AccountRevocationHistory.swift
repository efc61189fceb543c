internal import DoormanCore

/// The most recent account revocations.
///
/// A response in flight is not stored if its account was revoked after its request. Other accounts' responses are stored, so that a
/// flood of revocations can't disable the cache.
struct AccountRevocationHistory: Sendable {
    private struct Revocation: Sendable {
        let accountID: String
        let applicationID: String?
    }

    /// The maximum revocations in the history. A response that is older than the history counts as revoked.
    static let capacity = 256

    /// The number of revocations since the start.
    private(set) var count: UInt64 = 0
    /// A ring of the most recent revocations. Each is at its number modulo the capacity.
    private var latest: [Revocation] = []

    mutating func record(accountID: String, applicationID: String?) {
        let revocation = Revocation(accountID: accountID, applicationID: applicationID)
        let position = Int(count % UInt64(Self.capacity))
        if position < latest.count { latest[position] = revocation } else { latest.append(revocation) }
        count += 1
    }

    /// Returns whether a revocation after the first `seen` may concern the verdict's account.
    func concerns(_ verdict: Verdict, since seen: UInt64) -> Bool {
        guard case .valid = verdict, count > seen else { return false }
        guard count - seen <= UInt64(Self.capacity) else { return true }
        return (seen..<count).contains { number in
            let revocation = latest[Int(number % UInt64(Self.capacity))]
            return verdict.isAbout(accountID: revocation.accountID, applicationID: revocation.applicationID)
        }
    }
}

extension Verdict {
    /// Returns whether this is an identity of the account. An identity without an application, which an operator may allow, matches
    /// all.
    func isAbout(accountID: String, applicationID: String?) -> Bool {
        guard case .valid(let identity) = self, identity.isOf(accountID: accountID) else { return false }
        return applicationID == nil || identity.applicationID.isEmpty || identity.applicationID == applicationID
    }
}
