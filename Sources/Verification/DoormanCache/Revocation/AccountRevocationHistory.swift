internal import DoormanCore

/// Which accounts' tokens were all revoked of late, so that an answer on its way is kept from memory only if it is about one of
/// them: revocations are others' business, and must not take the memory away from everybody.
struct AccountRevocationHistory: Sendable {
    private struct Revocation: Sendable {
        let accountID: String
        let applicationID: String?
    }

    /// How many are told apart. An answer that was asked for before more than so many revocations is taken to be about one.
    static let capacity = 256

    /// How many there were.
    private(set) var count: UInt64 = 0
    /// The last ones, each at its number modulo the capacity.
    private var latest: [Revocation] = []

    mutating func note(accountID: String, applicationID: String?) {
        let revocation = Revocation(accountID: accountID, applicationID: applicationID)
        let position = Int(count % UInt64(Self.capacity))
        if position < latest.count { latest[position] = revocation } else { latest.append(revocation) }
        count += 1
    }

    /// Whether one that came after the first `seen` may be about the identity.
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
    /// Whether this is an identity of the account. One that names no application, which an operator may allow, may be of any.
    func isAbout(accountID: String, applicationID: String?) -> Bool {
        guard case .valid(let identity) = self, identity.isOf(accountID: accountID) else { return false }
        return applicationID == nil || identity.applicationID.isEmpty || identity.applicationID == applicationID
    }
}
