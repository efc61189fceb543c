internal import CompactTokens
package import DoormanCore
package import DoormanSupport
package import ProviderHTTP
internal import StrictJSON

/// Verifies tokens by introspection (RFC 7662), and revokes them (RFC 7009).
///
/// The account of a token is its `sub`. A token without a user, as a client gets for itself, has none: its account is then the `client_id`.
///
/// Sends each request at most once: retries and limits are the governor's task.
package struct IntrospectionVerifier: TokenProvider {
    /// The endpoints, by their names in the statistics.
    package enum Endpoint {
        package static let introspect = ProviderEndpoint("introspect")
        package static let revoke = ProviderEndpoint("revoke")
        /// The introspection of a random text, which checks our client credential.
        package static let check = ProviderEndpoint("introspect", .checksCredential)
    }

    let settings: IntrospectionSettings
    private let requests: IntrospectionRequests
    private let rules: TokenRules
    private let client: ProviderClient

    /// - Throws: ``IntrospectionSettings/Invalid`` if a setting is invalid.
    package init(_ settings: IntrospectionSettings, client: ProviderClient) throws(IntrospectionSettings.Invalid) {
        if let problem = settings.problem { throw problem }
        self.settings = settings
        requests = IntrospectionRequests(settings)
        rules = TokenRules(settings: settings)
        self.client = client
    }

    package func validateSyntax(of token: Token) -> Rejection? {
        if token.bytes.isEmpty {
            return Rejection(.malformedToken, "The token is empty.")
        }
        if token.bytes.count > settings.maximumTokenBytes {
            return Rejection(.malformedToken, "The token is longer than \(settings.maximumTokenBytes) bytes.")
        }
        if !token.bytes.allSatisfy(\.isVisibleASCII) {
            return Rejection(.malformedToken, "The token contains characters other than visible ASCII characters.")
        }
        if CompactSpelling.isWrong(token.bytes) {
            return Rejection(.malformedToken, "A part of the token is not base64url without padding.")
        }
        return nil
    }

    /// A token may be a JSON Web Token, and the provider may not have revoked it.
    package func equivalents(of token: Token, naming provider: String?) -> [Token] {
        SignatureTwin.token(of: token, maximumBytes: settings.maximumTokenBytes).map { [$0] } ?? []
    }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        guard let token = try await activeToken(request.token, deadline: deadline) else { return .rejected(.inactive) }
        let now = client.time.wallTime()
        let audiences: [String]
        do throws(Rejected) {
            try rules.checkStart(of: token, at: now)
            audiences = try rules.audiences(of: token, at: now)
        } catch {
            return .rejected(error.rejection)
        }
        // The first accepted audience, whatever the call names, since calls that name none share the identity from the cache.
        var identity = Identity(
            accountID: token.accountID, applicationID: audiences.first ?? token.clientID ?? "", email: token.email,
            provider: settings.name, verifiedAt: now)
        identity.validUntil = token.expiresAt ?? .distantFuture
        identity.expiresAt = token.expiresAt
        identity.issuer = token.issuer
        do throws(IdentityLimit) {
            identity.scopes = try token.scopes.get()
            identity.claims = try token.claims.get()
        } catch {
            throw client.exceeded(error)
        }
        identity.isEmailVerified = token.isEmailVerified
        identity.audiences = audiences
        return .valid(identity)
    }

    /// Requests the facts about a token; `nil` if it is inactive.
    private func activeToken(_ token: Token, deadline: Deadline) async throws(VerificationError) -> ActiveToken? {
        let body = try await introspect(token, at: Endpoint.introspect, deadline: deadline)
        guard body["active"] == .bool(true) else { return nil }
        guard let active = ActiveToken(body, claims: settings.claims) else { throw .malformedResponse }
        return active
    }

    /// Requests the response about a token. The token's syntax must be valid.
    private func introspect(
        _ token: Token, at endpoint: ProviderEndpoint, deadline: Deadline
    ) async throws(VerificationError) -> [String: JSONValue] {
        let request = try requests.introspect(token, at: client.time.wallTime())
        let response = try await client.send(request, to: endpoint, deadline: deadline) { response in
            let classification = ResponseClassification(introspection: response)
            return (classification, classification.kind)
        }
        switch response {
        case .success(let body): return body
        // The provider answers, so the response may be odd for this token alone.
        case .unavailable(.malformed, _): throw .malformedResponse
        case .rejected, .busy, .unavailable, .misconfigured: throw VerificationError(response)
        }
    }

    /// Checks our client credential by the introspection of a random text, which must not be active.
    package func checkCredential(deadline: Deadline) async throws(VerificationError) {
        let token = Token(try IntrospectionRequests.randomText())
        let body = try await introspect(token, at: Endpoint.check, deadline: deadline)
        guard body["active"] == .bool(false) else { throw .randomTokenIsActive }
    }
}

extension IntrospectionVerifier {
    /// Throws ``VerificationError/Code/unsupported``.
    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw .introspectionHasNoCodes
    }

    /// Revokes a token at the revocation endpoint. Without one, or if it can't revoke such tokens, only Doorman can deny the token.
    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        if let applicationID = request.applicationID, !settings.audience.isEmpty,
            !settings.audience.contains(where: { $0.isIdentical(to: applicationID) })
        {
            throw .unknownApplication
        }
        guard case .token(let token) = request.subject else { throw .introspectionHasNoAccounts }
        if let rejection = validateSyntax(of: token) { throw VerificationError(.invalidRequest, rejection.message) }
        if let httpRequest = try requests.revoke(token, at: client.time.wallTime()) {
            let response = try await client.send(httpRequest, to: Endpoint.revoke, deadline: deadline) { response in
                let classification = ResponseClassification(revocation: response)
                return (classification, classification.kind)
            }
            switch response {
            case .success: return .revoked
            case .rejected: break
            case .busy, .unavailable, .misconfigured: throw VerificationError(response)
            }
        }
        return try await denyLocally(token, deadline: deadline)
    }

    /// Decides how long only Doorman denies a token. A token that is not valid yet will be, so it is denied like a valid token.
    private func denyLocally(_ token: Token, deadline: Deadline) async throws(VerificationError) -> RevocationOutcome {
        guard let active = try await activeToken(token, deadline: deadline) else { return .alreadyInvalid }
        do throws(Rejected) {
            _ = try rules.audiences(of: active, at: client.time.wallTime())
            return .deniedLocally(until: active.expiresAt)
        } catch {
            return .alreadyInvalid
        }
    }
}
