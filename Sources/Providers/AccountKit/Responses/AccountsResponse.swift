package import DoormanCore
internal import DoormanSupport
internal import ProviderHTTP
package import StrictJSON

/// The body of a page of accounts (E6).
package struct AccountsResponse: Sendable, Hashable {
    package let page: AccountPage

    /// - Parameter limit: The page size of the request, which the response must not exceed.
    /// - Returns: `nil` if a field is missing, of a wrong type, or inconsistent with the request.
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
            guard let address = email.object?["address"]?.string, EmailSyntax.isPlausible(address) else { return nil }
            return Account(id: id, email: address)
        default:
            return nil
        }
    }
}
