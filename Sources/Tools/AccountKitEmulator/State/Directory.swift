/// The apps, their accounts, and the tokens and codes of these. ``GraphAPI`` has the rules.
struct Directory: Sendable {
    struct Account: Sendable {
        let id: String
        let appID: String
        let contact: Contact
        /// Serial number over all accounts, from 1: the order and the cursor of pages.
        let serial: Int
    }

    /// The app and account of a token or code.
    struct Credential: Sendable {
        let appID: String
        let accountID: String
        /// Whether the token is revoked, or the code exchanged.
        var isSpent = false
        /// The permissions of a token of Facebook Login; `nil` for a token of Account Kit.
        var facebook: FacebookGrant?
    }

    private struct Owner: Hashable {
        let appID: String
        let contact: Contact
    }

    private let limits: EmulatorSettings.Limits
    private(set) var apps: [String: EmulatorSettings.App] = [:]
    private(set) var accounts: [String: Account] = [:]
    private var accountIDs: [Owner: String] = [:]
    private(set) var tokens: BoundedTable<String, Credential>
    private(set) var codes: BoundedTable<String, Credential>
    private var lastSerial = 0

    /// - Throws: ``EmulatorError/Code-swift.enum/badSettings`` without an app, or if an id or token occurs twice.
    init(apps: [EmulatorSettings.App], limits: EmulatorSettings.Limits) throws(EmulatorError) {
        self.limits = limits
        tokens = BoundedTable(limit: limits.credentials)
        codes = BoundedTable(limit: limits.credentials)
        guard !apps.isEmpty else { throw EmulatorError(.badSettings, "there must be at least one app") }
        for app in apps {
            guard self.apps.updateValue(app, forKey: app.id) == nil else {
                throw EmulatorError(.badSettings, "there are two apps with the id \(app.id)")
            }
            for account in app.accounts {
                try add(account, to: app)
            }
        }
    }

    private mutating func add(_ account: EmulatorSettings.Account, to app: EmulatorSettings.App) throws(EmulatorError) {
        guard accounts[account.id] == nil, accountIDs[Owner(appID: app.id, contact: account.contact)] == nil else {
            throw EmulatorError(.badSettings, "there are two accounts with the id \(account.id), or with its phone or e-mail")
        }
        try insert(account.contact, id: account.id, appID: app.id)
        for token in account.tokens {
            guard tokens[token] == nil else {
                throw EmulatorError(.badSettings, "account \(account.id) has a token that is there already")
            }
            tokens[token] = Credential(appID: app.id, accountID: account.id)
        }
    }

    @discardableResult
    private mutating func insert(_ contact: Contact, id: String, appID: String) throws(EmulatorError) -> Account {
        guard accounts.count < limits.accounts else {
            throw EmulatorError(.tooMany, "there are \(limits.accounts) accounts already, which is the limit")
        }
        lastSerial += 1
        let account = Account(id: id, appID: appID, contact: contact, serial: lastSerial)
        accounts[id] = account
        accountIDs[Owner(appID: appID, contact: contact)] = id
        return account
    }

    /// Returns the account of a person in an app. Creates it for a new person.
    mutating func account(of contact: Contact, appID: String) throws(EmulatorError) -> Account {
        if let id = accountIDs[Owner(appID: appID, contact: contact)], let account = accounts[id] { return account }
        var id = RandomText.accountID()
        while accounts[id] != nil { id = RandomText.accountID() }
        return try insert(contact, id: id, appID: appID)
    }

    /// Returns the phone number as an account of the app has it, with the country prefix; `nil` if there is no such account.
    func knownPhone(_ number: String, appID: String) -> Contact.PhoneNumber? {
        for digits in 1...3 where number.utf8.count > digits + 1 {
            guard let phone = try? Contact.PhoneNumber(number, countryPrefix: String(number.dropFirst().prefix(digits))) else {
                return nil
            }
            if accountIDs[Owner(appID: appID, contact: .phone(phone))] != nil { return phone }
        }
        return nil
    }

    /// Returns the accounts of an app with serial numbers above `serial`, in ascending order.
    func accounts(ofApp appID: String, after serial: Int) -> [Account] {
        accounts.values.filter { $0.appID == appID && $0.serial > serial }.sorted { $0.serial < $1.serial }
    }

    /// Replaces the secret of an app, if it exists.
    mutating func changeSecret(ofApp id: String, to secret: String) {
        apps[id]?.secret = secret
    }

    mutating func issueToken(for account: Account) -> String {
        let token = RandomText.token()
        tokens[token] = Credential(appID: account.appID, accountID: account.id)
        return token
    }

    mutating func issueToken(for account: Account, _ grant: FacebookGrant) -> String {
        let token = RandomText.facebookToken()
        tokens[token] = Credential(appID: account.appID, accountID: account.id, facebook: grant)
        return token
    }

    mutating func issueCode(for account: Account) -> String {
        let code = RandomText.code()
        codes[code] = Credential(appID: account.appID, accountID: account.id)
        return code
    }

    mutating func spendCode(_ code: String) {
        codes[code]?.isSpent = true
    }

    mutating func revoke(token: String) {
        tokens[token]?.isSpent = true
    }

    mutating func revokeTokens(ofAccount id: String) {
        tokens.updateAll { if $0.accountID == id { $0.isSpent = true } }
    }

    mutating func revokeFacebookTokens(ofAccount id: String) {
        tokens.updateAll { if $0.accountID == id, $0.facebook != nil { $0.isSpent = true } }
    }

    /// Removes an account. Revokes its tokens; its codes become invalid.
    mutating func deleteAccount(_ id: String) {
        guard let account = accounts.removeValue(forKey: id) else { return }
        accountIDs[Owner(appID: account.appID, contact: account.contact)] = nil
        revokeTokens(ofAccount: id)
    }
}
