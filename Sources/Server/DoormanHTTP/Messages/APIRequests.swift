package import DoormanCore
package import DoormanSupport

// The JSON bodies of the API's requests: docs/reference/http-api.md. Empty tokens and codes are left to the verifier, which rejects them.

/// The body of `POST /v1/verify`.
package struct VerifyBody: Sendable, Hashable {
    /// The token; `nil` if the body has none, since it can be in the header `Authorization`.
    package let token: Token?
    package let requirements: TokenRequirements
    /// The maximum age of a cached verdict; `nil` for any age.
    package let maxAge: Duration?
    /// The revocation that the verdict must not be older than; `nil` for none.
    package let notBefore: RevocationPosition?

    package init(json: [UInt8]) throws(MalformedBody) {
        let members = try JSONMembers(
            json, allowed: ["token", "maxAgeSeconds", "applicationId", "provider", "requiredScopes", "notBefore"])
        token = try members.string("token").map { Token($0) }
        requirements = TokenRequirements(
            provider: try members.name("provider"), applicationID: try members.name("applicationId"),
            scopes: try members.scopes("requiredScopes"))
        let seconds = try members.unsignedInteger("maxAgeSeconds")
        maxAge = seconds == 0 ? nil : .seconds(Int64(seconds))
        notBefore = try members.position("notBefore")
    }
}

extension ExchangeRequest {
    /// Reads the body of `POST /v1/exchange`.
    ///
    /// - Parameter caller: The caller that the limits count.
    package init(json: [UInt8], caller: Caller?) throws(MalformedBody) {
        let members = try JSONMembers(json, allowed: ["code", "applicationId", "provider"])
        guard let code = try members.string("code") else { throw MalformedBody("The body has no member code.") }
        self.init(
            code: AuthorizationCode(code), provider: try members.name("provider"),
            applicationID: try members.name("applicationId"), caller: caller)
    }
}

extension RevocationRequest {
    /// Reads the body of `POST /v1/revoke`.
    ///
    /// - Parameter caller: The caller that the limits count.
    package init(json: [UInt8], caller: Caller) throws(MalformedBody) {
        let members = try JSONMembers(json, allowed: ["token", "accountId", "applicationId", "provider"])
        let subject: Subject
        switch (try members.string("token"), try members.name("accountId")) {
        case (let token?, nil): subject = .token(Token(token))
        case (nil, let account?): subject = .account(account)
        case (nil, nil): throw MalformedBody("The body has neither of the members token and accountId.")
        case (_?, _?): throw MalformedBody("The body has both of the members token and accountId.")
        }
        self.init(subject, provider: try members.name("provider"), applicationID: try members.name("applicationId"), caller: caller)
    }
}
