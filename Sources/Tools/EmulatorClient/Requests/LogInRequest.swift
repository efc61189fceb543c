package import DoormanCore
internal import DoormanSupport

/// A log-in by contact to an application: `POST /emulator/login`, which returns an authorization code.
package struct LogInRequest: Sendable, Hashable {
    package enum Contact: Sendable, Hashable {
        /// A number with `+` and country prefix.
        case phone(String)
        case email(String)

        /// The name and the value of the parameter.
        var parameter: (String, String) {
            switch self {
            case .phone(let number): ("phone", number)
            case .email(let address): ("email", address)
            }
        }
    }

    package let contact: Contact
    /// The application's id; `nil` for the emulator's first application.
    package let applicationID: String?

    package init(contact: Contact, applicationID: String?) {
        self.contact = contact
        self.applicationID = applicationID
    }

    /// The request's path and query (RFC 3986).
    var target: String {
        let (name, value) = contact.parameter
        let application = applicationID.map { "&app=" + Self.encoded($0) } ?? ""
        return "\(Self.path)?response=code&\(name)=\(Self.encoded(value))\(application)"
    }

    static let path = "/emulator/login"

    /// Returns the text with all but unreserved characters percent-encoded.
    static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            if byte.isASCIIAlphanumeric || "-._~".utf8.contains(byte) { return String(Unicode.Scalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}

/// The result of a log-in.
package struct LoggedIn: Sendable, Hashable {
    /// The authorization code, which can be exchanged once.
    package let code: AuthorizationCode
    package let accountID: String

    /// Decodes the emulator's response.
    ///
    /// - Throws: ``EmulatorFailure/refused(_:)`` with the emulator's message, or ``EmulatorFailure/noEmulator(_:)`` if the response
    ///   does not have the form of an emulator's.
    init(_ response: EmulatorResponse) throws(EmulatorFailure) {
        let body = try LogInBody(response)
        guard let code = body.code else { throw response.isForeign }
        self.code = AuthorizationCode(code)
        accountID = body.id
    }
}
