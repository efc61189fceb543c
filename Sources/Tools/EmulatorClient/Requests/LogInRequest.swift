package import DoormanCore
internal import DoormanSupport
private import FoundationEssentials

/// Who is to be logged in, to which application: `POST /emulator/login`, which ends with an authorization code.
package struct LogInRequest: Sendable, Hashable {
    package enum Contact: Sendable, Hashable {
        /// With `+` and the country's prefix.
        case phone(String)
        case email(String)
    }

    package let contact: Contact
    /// Nil: the emulator's first.
    package let applicationID: String?

    package init(contact: Contact, applicationID: String?) {
        self.contact = contact
        self.applicationID = applicationID
    }

    /// Path and query (RFC 3986).
    var target: String {
        let (name, value) =
            switch contact {
            case .phone(let number): ("phone", number)
            case .email(let address): ("email", address)
            }
        let application = applicationID.map { "&app=" + Self.encoded($0) } ?? ""
        return "/emulator/login?response=code&\(name)=\(Self.encoded(value))\(application)"
    }

    /// With everything but unreserved characters percent-encoded.
    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            if byte.isASCIIAlphanumeric || "-._~".utf8.contains(byte) { return String(Unicode.Scalar(byte)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}

/// Somebody who is logged in.
package struct LoggedIn: Sendable, Hashable {
    /// Good for one exchange.
    package let code: AuthorizationCode
    package let accountID: String

    /// Reads the emulator's answer.
    ///
    /// - Throws: ``EmulatorFailure/refused(_:)`` with the emulator's words, or ``EmulatorFailure/noEmulator(_:)`` if it is not in the
    ///   form that every emulator's answer has.
    init(_ answer: EmulatorResponse) throws(EmulatorFailure) {
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(answer.body)) else {
            throw .noEmulator("it answered \(answer.status), and not as an emulator does")
        }
        switch (answer.status, body.code, body.id, body.error) {
        case (200, let code?, let id?, nil):
            self.code = AuthorizationCode(code)
            accountID = id
        case (400, nil, nil, let error?), (404, nil, nil, let error?): throw .refused(error)
        default: throw .noEmulator("it answered \(answer.status), and not as an emulator does")
        }
    }

    private struct Body: Decodable {
        let code: String?
        let id: String?
        let error: String?
    }
}
