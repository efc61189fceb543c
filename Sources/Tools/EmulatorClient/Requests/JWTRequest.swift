package import DoormanCore
private import FoundationEssentials

/// A log-in at the emulator's OpenID issuer: `POST /emulator/login?response=jwt`, which returns an access token.
package struct JWTRequest: Sendable, Hashable {
    package let contact: LogInRequest.Contact
    /// The application's id, which is the claim `client_id`; `nil` for the emulator's first application.
    package let applicationID: String?
    /// The claim `aud`; empty for the emulator's default.
    package let audiences: [String]
    package let scopes: [String]
    /// Time until the token expires, in whole seconds; `nil` for the emulator's default of an hour.
    package let lifetime: Duration?

    package init(
        contact: LogInRequest.Contact, applicationID: String?, audiences: [String] = [], scopes: [String] = [],
        lifetime: Duration? = nil
    ) {
        self.contact = contact
        self.applicationID = applicationID
        self.audiences = audiences
        self.scopes = scopes
        self.lifetime = lifetime
    }

    /// The request's path and query (RFC 3986).
    var target: String {
        var parameters = [("response", "jwt"), contact.parameter]
        if let applicationID { parameters.append(("app", applicationID)) }
        if !audiences.isEmpty { parameters.append(("audience", audiences.joined(separator: " "))) }
        if !scopes.isEmpty { parameters.append(("scope", scopes.joined(separator: " "))) }
        if let lifetime { parameters.append(("lifetime_seconds", "\(lifetime.components.seconds)")) }
        return LogInRequest.path + "?" + parameters.map { "\($0.0)=\(LogInRequest.encoded($0.1))" }.joined(separator: "&")
    }
}

/// An access token that the emulator's issuer has signed.
package struct IssuedJWT: Sendable, Hashable {
    package let token: Token
    package let accountID: String

    /// Decodes the emulator's response.
    ///
    /// - Throws: ``EmulatorFailure/refused(_:)`` with the emulator's message, or ``EmulatorFailure/noEmulator(_:)`` if the response
    ///   does not have the form of an emulator's.
    init(_ response: EmulatorResponse) throws(EmulatorFailure) {
        let body = try LogInBody(response)
        guard let token = body.accessToken else { throw response.isForeign }
        self.token = Token(token)
        accountID = body.id
    }
}

/// The response to a log-in: the account's id, and a code or a token.
struct LogInBody {
    let id: String
    let code: String?
    let accessToken: String?

    /// - Throws: See ``IssuedJWT/init(_:)``.
    init(_ response: EmulatorResponse) throws(EmulatorFailure) {
        guard let body = try? JSONDecoder().decode(Members.self, from: Data(response.body)) else { throw response.isForeign }
        switch (response.status, body.id, body.error) {
        case (200, let id?, nil):
            self.id = id
            code = body.code
            accessToken = body.accessToken
        case (400, nil, let error?), (404, nil, let error?): throw .refused(error)
        default: throw response.isForeign
        }
    }

    private struct Members: Decodable {
        let code: String?
        let accessToken: String?
        let id: String?
        let error: String?

        enum CodingKeys: String, CodingKey {
            case code, id, error
            case accessToken = "access_token"
        }
    }
}

extension EmulatorResponse {
    /// The failure of a response that does not have the form of an emulator's.
    var isForeign: EmulatorFailure { .noEmulator("its response with status \(status) is not an emulator's") }
}
