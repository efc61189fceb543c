internal import DoormanSupport
internal import ProviderHTTP
package import StrictJSON

/// The body of a successful `/me` (the contract, section 2).
package struct MeResponse: Sendable, Hashable {
    package enum Contact: Sendable, Hashable {
        case phone(number: String, countryPrefix: String, nationalNumber: String)
        case email(String)
    }

    package let accountID: String
    package let contact: Contact
    /// The id of the token's application. `nil` if the response lacks the field, as in v1.0; empty if the field has no id.
    package let applicationID: String?

    /// - Returns: `nil` if a field is missing, of a wrong type, or inconsistent with another.
    package init?(_ body: [String: JSONValue]) {
        guard let accountID = body["id"]?.string, DecimalDigits.areAll(accountID, upTo: 64) else { return nil }
        self.accountID = accountID

        switch (body.present("phone"), body.present("email")) {
        case (let phone?, nil):
            guard let contact = Self.phone(phone) else { return nil }
            self.contact = contact
        case (nil, let email?):
            guard let address = email.object?["address"]?.string, EmailSyntax.isPlausible(address) else { return nil }
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
}
