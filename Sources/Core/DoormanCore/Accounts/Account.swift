/// An account of an application, as the provider lists it.
public struct Account: Sendable, Hashable {
    /// The provider's id of the account. Account Kit's ids are decimal digits.
    public var id: String
    /// The phone number in E.164 form, for example `+15551234567`; `nil` if the account has none.
    public var phoneNumber: String?
    /// The e-mail address; `nil` if the account has none.
    public var email: String?

    /// Creates an account, for example in a test. The client creates the accounts that a server lists.
    public init(id: String, phoneNumber: String? = nil, email: String? = nil) {
        self.id = id
        self.phoneNumber = phoneNumber
        self.email = email
    }
}

/// One page of an application's accounts, with the cursor of the next page.
public struct AccountPage: Sendable, Hashable {
    /// The accounts, in the provider's order. A page can be empty though others follow.
    public var accounts: [Account]
    /// The cursor of the next page; `nil` on the last page.
    ///
    /// Cursors are opaque, and valid for the same application only.
    public var next: String?

    /// Creates a page, for example in a test. The client creates the pages that a server returns.
    public init(accounts: [Account], next: String? = nil) {
        self.accounts = accounts
        self.next = next
    }
}
