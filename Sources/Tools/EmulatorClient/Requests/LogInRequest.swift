package import DoormanCore
internal import DoormanSupport
private import FoundationEssentials

/// A log-in by contact to an application: `POST /emulator/login`, which returns an authorization code.
package struct LogInRequest: Sendable, Hashable {
    package enum Contact: Sendable, Hashable {
        /// A number with `+` and country prefix.
        case phone(String)
        case email(String)
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
        let (name, value) =
            switch contact {
            case .phone(let number): ("phone", number)
            case .email(let address): ("email", address)
            }
        let application = applicationID.map { "&app=" + Self.encoded($0) } ?? ""
        return "/emulator/login?response=code&\(name)=\(Self.encoded(value))\(application)"
    }

    /// Returns the text with all but unreserved characters percent-encoded.
    private static func encoded(_ text: String) -> String {
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
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(response.body)) else {
            throw .noEmulator("its response with status \(response.status) is not an emulator's")
        }
        switch (response.status, body.code, body.id, body.error) {
        case (200, let code?, let id?, nil):
            self.code = AuthorizationCode(code)
            accountID = id
        case (400, nil, nil, let error?), (404, nil, nil, let error?): throw .refused(error)
        default: throw .noEmulator("its response with status \(response.status) is not an emulator's")
        }
    }

    private struct Body: Decodable {
        let code: String?
        let id: String?
        let error: String?
    }
}
