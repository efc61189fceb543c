/// An account of an application, as its provider lists it.
public struct Account: Sendable, Hashable {
    /// The provider's id of the account: decimal digits with Account Kit.
    public var id: String
    /// The phone number of an account that was opened with one, in E.164 form: `+15551234567`.
    public var phoneNumber: String?
    /// The e-mail address of an account that was opened with one.
    public var email: String?

    /// An account as it is listed. The client makes these; yours are for tests.
    public init(id: String, phoneNumber: String? = nil, email: String? = nil) {
        self.id = id
        self.phoneNumber = phoneNumber
        self.email = email
    }
}

/// Some of an application's accounts, and where the others are.
public struct AccountPage: Sendable, Hashable {
    /// In the provider's order. May be empty though more follow.
    public var accounts: [Account]
    /// What the next page is asked for with; nil if this is the last. Opaque, and good for this application alone.
    public var next: String?

    /// A page as it was answered. The client makes these; yours are for tests.
    public init(accounts: [Account], next: String? = nil) {
        self.accounts = accounts
        self.next = next
    }
}

/// A question for one page of an application's accounts.
package struct AccountListRequest: Sendable, Hashable {
    /// How many accounts a page may have, by Account Kit's contract: 1 to 1,000.
    package static let pageSizes = 1...1000
    /// With the longest e-mail addresses there are, 100 accounts still fit into a frame and into the provider's answer.
    package static let defaultPageSize = 100

    /// The application whose accounts they are; nil for the only one that is configured.
    package var applicationID: String?
    /// The most accounts that the page may have. Whoever answers judges it: see ``pageSizes``.
    package var pageSize: Int
    /// The ``AccountPage/next`` of the page before; nil for the first.
    package var after: String?

    package init(applicationID: String? = nil, pageSize: Int = defaultPageSize, after: String? = nil) {
        self.applicationID = applicationID
        self.pageSize = pageSize
        self.after = after
    }
}

/// An account to delete.
package struct AccountDeletionRequest: Sendable, Hashable {
    /// The application whose account it is; nil for the only one that is configured.
    package var applicationID: String?
    package var accountID: String

    package init(accountID: String, applicationID: String? = nil) {
        self.accountID = accountID
        self.applicationID = applicationID
    }
}

extension TokenProvider {
    /// Of a provider that lists no accounts.
    package func accounts(_ request: AccountListRequest, deadline: Deadline) async throws(VerificationError) -> AccountPage {
        throw VerificationError(.unsupported, "This provider lists no accounts.")
    }

    /// Of a provider that deletes no accounts.
    package func deleteAccount(_ request: AccountDeletionRequest, deadline: Deadline) async throws(VerificationError) {
        throw VerificationError(.unsupported, "This provider deletes no accounts.")
    }
}
