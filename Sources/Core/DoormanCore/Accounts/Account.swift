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
