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
            switch Unicode.Scalar(byte) {
            case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "~": return String(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                return "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }.joined()
    }
}
