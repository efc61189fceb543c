package import DoormanCore
package import DoormanSupport
internal import GraphAPI
package import ProviderHTTP
internal import StrictJSON

/// Verifies tokens of Facebook Login: asks as the application what a token is, and then for the fields of its user if any are wanted.
///
/// Sends each request at most once: retries and limits are the governor's task.
package struct FacebookLoginVerifier: TokenProvider {
    /// The endpoints, by their names in the statistics.
    package enum Endpoint {
        package static let debugToken = ProviderEndpoint("debug_token")
        package static let me = ProviderEndpoint("me")
        package static let permissions = ProviderEndpoint("permissions")
        /// The inspection of the app token, which checks app id and secret.
        package static let check = ProviderEndpoint("debug_token", .checksCredential)
    }

    let settings: FacebookLoginSettings
    private let requests: FacebookRequests
    private let client: ProviderClient

    /// - Throws: ``FacebookLoginSettings/Invalid`` if a setting is invalid.
    package init(_ settings: FacebookLoginSettings, client: ProviderClient) throws(FacebookLoginSettings.Invalid) {
        if let problem = settings.problem { throw problem }
        self.settings = settings
        requests = FacebookRequests(settings)
        self.client = client
    }

    package func validateSyntax(of token: Token) -> Rejection? {
        FacebookTokenSyntax.rejection(of: token.bytes, maximumBytes: settings.maximumTokenBytes)
    }

    /// Returns none: a token is compared byte for byte.
    package func equivalents(of token: Token, naming provider: String?) -> [Token] { [] }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let response = try await client.send(
            requests.debugToken(request.token), about: .inspection, to: Endpoint.debugToken, deadline: deadline
        ) { $0.lookingIntoDebuggedToken() }
        switch response {
        case .success(let body):
            guard let debugged = DebugTokenResponse(body) else { throw .malformedResponse }
            let verdict = try verdict(on: debugged)
            guard case .valid(let identity) = verdict, !settings.fields.isEmpty else { return verdict }
            return try await addFields(to: identity, of: request.token, deadline: deadline)
        case .rejected(let kind):
            return .rejected(Rejection(kind))
        // The provider answers, so the response may be odd for this token alone.
        case .unavailable(.malformed, _):
            throw .malformedResponse
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(response)
        }
    }

    /// Decides about a token without an error. Rejects tokens of other applications, and tokens that are not a user's.
    private func verdict(on token: DebugTokenResponse) throws(VerificationError) -> Verdict {
        let now = client.time.wallTime()
        if case .at(let end) = token.expiry, now >= end { return .rejected(.expired) }
        // An invalid token comes with an error that says why, and a valid one without.
        guard token.isValid, !token.hasError else { throw .malformedResponse }
        guard let applicationID = token.applicationID else { return .rejected(.unknownApplication) }
        guard applicationID == settings.applicationID else { return .rejected(.anotherApplication) }
        guard let type = token.type, token.expiry != .unknown else { throw .malformedResponse }
        guard type == "USER" else { return .rejected(.notOfUser) }
        guard let userID = token.userID else { throw .malformedResponse }
        var identity = Identity(
            accountID: userID, applicationID: applicationID, provider: settings.name, verifiedAt: now)
        if case .at(let end) = token.expiry {
            identity.validUntil = end
            identity.expiresAt = end
        }
        do throws(IdentityLimit) {
            identity.scopes = try token.scopes.get()
        } catch {
            throw client.exceeded(error)
        }
        return .valid(identity)
    }

    /// Requests the fields of a token's user.
    private func addFields(
        to identity: Identity, of token: Token, deadline: Deadline
    ) async throws(VerificationError) -> Verdict {
        let response = try await client.send(requests.me(token), about: .userToken, to: Endpoint.me, deadline: deadline)
        switch response {
        case .success(let body):
            let names = settings.fields.filter { $0 != "email" && $0 != "id" }
            guard body["id"]?.string == identity.accountID else { throw .malformedResponse }
            var identity = identity
            if settings.fields.contains("email"), let address = body["email"]?.string, EmailSyntax.isPlausible(address) {
                identity.email = address
            }
            do throws(IdentityLimit) {
                identity.claims = try CopiedClaims.copy(names, from: body, limit: .fields)
            } catch {
                throw client.exceeded(error)
            }
            return .valid(identity)
        case .rejected(let kind):
            return .rejected(Rejection(kind))
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(response)
        }
    }

    /// Checks app id and secret by the inspection of the app token.
    package func checkCredential(deadline: Deadline) async throws(VerificationError) {
        let response = try await client.send(
            requests.debugAppToken(), about: .inspection, to: Endpoint.check, deadline: deadline
        ) { $0.lookingIntoDebuggedToken() }
        switch response {
        case .success(let body):
            guard let debugged = DebugTokenResponse(body) else { throw .malformedResponse }
            guard debugged.isValid, debugged.applicationID == settings.applicationID else { throw .applicationRejected }
        case .rejected:
            throw .applicationRejected
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(response)
        }
    }
}

extension FacebookLoginVerifier {
    /// Throws ``VerificationError/Code/unsupported``.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw VerificationError(.unsupported, "Exchanging codes of Facebook Login is not supported.")
    }

    /// Revokes all tokens of a user for this application. Facebook can't revoke one token alone.
    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        if let applicationID = request.applicationID, applicationID != settings.applicationID { throw .unknownApplication }
        guard case .account(let id) = request.subject else {
            throw VerificationError(
                .unsupported, "Facebook Login can't revoke one token alone: revoke all tokens of its account.")
        }
        guard DecimalDigits.areID(id, upTo: 64) else { throw .invalidAccountID }
        let response = try await client.send(
            requests.deletePermissions(accountID: id), about: .application, to: Endpoint.permissions, deadline: deadline)
        switch response {
        case .success(let body):
            guard body["success"] == .bool(true) else { throw .malformedResponse }
            return .revoked
        case .rejected:
            throw .applicationRejected
        case .busy, .unavailable, .misconfigured:
            throw VerificationError(response)
        }
    }
}

extension Rejection {
    static let expired = Rejection(.tokenRejected, "The token has expired.")
    static let notOfUser = Rejection(.tokenRejected, "The token is not a user access token.")
}
