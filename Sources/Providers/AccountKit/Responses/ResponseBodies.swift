package import DoormanCore
internal import DoormanSupport

/// The body of a successful `/me` (the contract, section 2), taken apart and believed only if all of it makes sense.
package struct MeResponse: Sendable, Hashable {
    package enum Contact: Sendable, Hashable {
        case phone(number: String, countryPrefix: String, nationalNumber: String)
        case email(String)
    }

    package let accountID: String
    package let contact: Contact
    /// For which application the token was made; nil if the answer does not speak of it, as those of v1.0, and empty if it does
    /// without naming one.
    package let applicationID: String?

    /// - Returns: Nil if a field is missing, of a wrong type, or at odds with another.
    package init?(_ body: [String: JSONValue]) {
        guard let accountID = body["id"]?.string, DecimalDigits.areAll(accountID, upTo: 64) else { return nil }
        self.accountID = accountID

        switch (body.present("phone"), body.present("email")) {
        case (let phone?, nil):
            guard let contact = Self.phone(phone) else { return nil }
            self.contact = contact
        case (nil, let email?):
            guard let address = email.object?["address"]?.string, Self.isPlausible(email: address) else { return nil }
            contact = .email(address)
        default:
            return nil
        }

        switch body.present("application") {
        case nil:
            applicationID = nil
        case let application?:
            guard let application = application.object else { return nil }
            guard let id = application.present("id") else {
                applicationID = ""
                break
            }
            guard let text = id.string else { return nil }
            applicationID = text
        }
    }

    private static func phone(_ value: JSONValue) -> Contact? {
        guard let phone = value.object, let number = phone["number"]?.string,
            let countryPrefix = phone["country_prefix"]?.string, let nationalNumber = phone["national_number"]?.string,
            DecimalDigits.areAll(countryPrefix, upTo: 8), DecimalDigits.areAll(nationalNumber, upTo: 24),
            number == "+" + countryPrefix + nationalNumber
        else { return nil }
        return .phone(number: number, countryPrefix: countryPrefix, nationalNumber: nationalNumber)
    }

    /// At most what SMTP can carry (RFC 5321, section 4.5.3.1), an `@` inside, and nothing that could break a line of a log.
    static func isPlausible(email: String) -> Bool {
        let bytes = email.utf8
        guard (3...320).contains(bytes.count), bytes.dropFirst().dropLast().contains(UInt8(ascii: "@")) else { return false }
        return bytes.allSatisfy { $0 > 0x20 && $0 != 0x7f }
    }
}

/// The body of a successful code exchange (E1): the account and its token. `token_refresh_interval_sec` says nothing that
/// could be relied upon.
package struct AccessTokenAnswer: Sendable, Hashable {
    package let accountID: String
    package let token: Token

    /// - Returns: Nil if a field is missing or of a wrong type, or the token can't be one.
    package init?(_ body: [String: JSONValue], maximumTokenBytes: Int) {
        guard let accountID = body["id"]?.string, DecimalDigits.areAll(accountID, upTo: 64),
            let text = body["access_token"]?.string
        else { return nil }
        let token = Token(text)
        guard TokenSyntax.refusal(of: token.bytes, maximumBytes: maximumTokenBytes) == nil else { return nil }
        self.accountID = accountID
        self.token = token
    }
}

/// The body of a page of accounts (E6), taken apart and believed only if all of it makes sense.
package struct AccountsAnswer: Sendable, Hashable {
    package let page: AccountPage

    /// - Parameter limit: The most accounts that were asked for.
    /// - Returns: Nil if a field is missing, of a wrong type, or at odds with what was asked.
    package init?(_ body: [String: JSONValue], limit: Int) {
        guard case .array(let members)? = body["data"], members.count <= limit else { return nil }
        var accounts: [Account] = []
        for member in members {
            guard let account = Self.account(member) else { return nil }
            accounts.append(account)
        }
        guard let paging = body.present("paging") else {
            page = AccountPage(accounts: accounts)
            return
        }
        guard let paging = paging.object else { return nil }
        guard let next = paging.present("next") else {
            page = AccountPage(accounts: accounts)
            return
        }
        guard let url = next.string, let cursor = PageCursor.read(fromNextURL: url) else { return nil }
        page = AccountPage(accounts: accounts, next: cursor)
    }

    private static func account(_ value: JSONValue) -> Account? {
        guard let object = value.object, let id = object["id"]?.string, DecimalDigits.areAll(id, upTo: 64) else { return nil }
        switch (object.present("phone"), object.present("email")) {
        case (let phone?, nil):
            guard let number = phone.object?["number"]?.string, number.hasPrefix("+"),
                DecimalDigits.areAll(number.dropFirst(), upTo: 32)
            else { return nil }
            return Account(id: id, phoneNumber: number)
        case (nil, let email?):
            guard let address = email.object?["address"]?.string, MeResponse.isPlausible(email: address) else { return nil }
            return Account(id: id, email: address)
        default:
            return nil
        }
    }
}
