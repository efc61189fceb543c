internal import CompactTokens
package import DoormanCore
package import DoormanSupport
package import ProviderHTTP
internal import StrictJSON

/// Verifies JSON Web Tokens with the keys of their issuer (RFC 7519, RFC 8725, RFC 9068).
///
/// No token ever leaves the process. Checks that need no key come first, so that a token that has expired, or that is for another audience,
/// causes no fetch of keys.
package struct JWTVerifier: TokenProvider {
    /// Sends a request for keys, and waits for the whole response, whatever its status. It follows no redirect, and reads no more than
    /// ``KeySet/maximumBytes`` of a body.
    ///
    /// `kind` returns the kind of the response, for the statistics: a document that can't be used is no success.
    package typealias Fetch =
        @Sendable (
            _ request: HTTPRequest, _ deadline: Deadline, _ kind: @escaping @Sendable (HTTPResponse) -> ResponseKind
        ) async throws(VerificationError) -> HTTPResponse

    let settings: JWTSettings
    let keys: KeySource
    private let onLimitExceeded: ProviderClient.LimitObserver
    private let time: TimeSource

    /// - Parameters:
    ///   - fetch: Sends a request for keys.
    ///   - onKeysRemoved: Receives the fingerprints of keys that the issuer has removed, after they are out of use here:
    ///     ``Identity/signingKey`` of the identities to forget. Called on any thread; must not block.
    ///   - onLimitExceeded: Receives the limit that a good token exceeds, for the log. Called on any thread; must not block.
    ///   - observer: Receives changes of the keys, for the log. Called on any thread; must not block.
    /// - Throws: ``JWTSettings/Invalid`` if a setting is invalid.
    package init(
        _ settings: JWTSettings, time: TimeSource, fetch: @escaping Fetch,
        onKeysRemoved: @escaping @Sendable (Set<UInt64>) -> Void = { _ in },
        onLimitExceeded: @escaping ProviderClient.LimitObserver = { _ in },
        observer: @escaping @Sendable (KeyEvent) -> Void = { _ in }
    ) throws(JWTSettings.Invalid) {
        if let problem = settings.problem { throw problem }
        self.settings = settings
        self.time = time
        self.onLimitExceeded = onLimitExceeded
        var policy = KeySourceStateMachine.Policy()
        policy.maximumWaitersForUnknownKeys = settings.maximumWaitersForUnknownKeys
        keys = KeySource(
            KeyFetcher(settings: settings, send: fetch), time: time, policy: policy, onKeysRemoved: onKeysRemoved,
            observer: observer)
    }

    /// Whether the first fetch of keys has ended, well or not.
    package var hasTriedKeys: Bool { keys.hasTried }

    /// The time for which the keys can be used without another successful fetch; zero without keys.
    package var keysUsableFor: Duration { keys.usableFor }

    /// Whether another verifier's keys are the keys of this one. They depend on the issuer and the configured URL, and on no other setting.
    package func hasSameKeys(as other: JWTVerifier) -> Bool {
        func isSame(_ one: String?, _ other: String?) -> Bool {
            guard let one, let other else { return one == nil && other == nil }
            return one.isIdentical(to: other)
        }
        return isSame(settings.issuer, other.settings.issuer) && isSame(settings.jwksURL, other.settings.jwksURL)
    }

    /// Takes over the keys of another verifier with ``hasSameKeys(as:)``, and the times of its fetches. Does nothing if this verifier has
    /// been used, or if the other one has no keys.
    package func takeOverKeys(of other: JWTVerifier) {
        keys.takeOver(other.keys)
    }

    /// Keeps the keys fresh until the task is cancelled.
    package func run() async {
        await keys.run()
    }

    package func validateSyntax(of token: Token) -> Rejection? {
        do throws(RejectedToken) {
            _ = try CompactParts(token.bytes, maximumBytes: settings.maximumTokenBytes)
            return nil
        } catch {
            return error.rejection
        }
    }

    package func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let token: CheckedToken
        do throws(RejectedToken) {
            token = try CheckedToken(request.token.bytes, settings, at: time.wallTime())
            try token.claims.checkStart(settings, at: time.wallTime())
        } catch {
            return .rejected(error.rejection)
        }
        let candidates: [IssuerKey]
        switch try await keys.keys(withID: token.header.keyID, deadline: deadline) {
        case .keys(let found): candidates = found
        case .rejected(let rejected): return .rejected(rejected.rejection)
        }
        guard let key = try await signer(of: token, among: candidates, deadline: deadline) else {
            return .rejected(Rejection(.tokenRejected, "The token's signature is not valid under the issuer's key."))
        }
        // The token may have expired while the call waited for keys.
        let now = time.wallTime()
        guard now < token.claims.expiresAt else {
            return .rejected(Rejection(.tokenRejected, "The token has expired."))
        }
        do throws(IdentityLimit) {
            return .valid(try identity(of: token, signedBy: key, at: now))
        } catch {
            onLimitExceeded(error)
            throw VerificationError(error, request: .notSent)
        }
    }
}

extension JWTVerifier {
    /// Returns the key that signed a token; `nil` if none did, as far as the issuer's keys can be known now.
    private func signer(
        of token: CheckedToken, among candidates: [IssuerKey], deadline: Deadline
    ) async throws(VerificationError) -> IssuerKey? {
        if let key = token.signer(among: candidates) { return key }
        return try await keys.renewedKeys(withID: token.header.keyID, unlike: candidates, deadline: deadline)
            .flatMap { token.signer(among: $0) }
    }

    package func exchange(_ request: ExchangeRequest, deadline: Deadline) async throws(VerificationError) -> ExchangeVerdict {
        throw VerificationError(.unsupported, "The provider verifies JSON Web Tokens only, and exchanges no codes.")
    }

    package func equivalents(of token: Token, naming provider: String?) -> [Token] {
        SignatureTwin.token(of: token, maximumBytes: settings.maximumTokenBytes).map { [$0] } ?? []
    }

    /// Decides how a token can be revoked: an issuer of JSON Web Tokens is not asked about them, so only Doorman can deny one.
    package func revoke(
        _ request: RevocationRequest, deadline: Deadline
    ) async throws(VerificationError) -> RevocationOutcome {
        if let applicationID = request.applicationID, !settings.audience.contains(where: { $0.isIdentical(to: applicationID) }) {
            throw .unknownApplication
        }
        guard case .token(let token) = request.subject else {
            throw VerificationError(
                .unsupported, "The provider can't revoke all tokens of an account: it verifies JSON Web Tokens offline.")
        }
        if let rejection = validateSyntax(of: token) { throw VerificationError(.invalidRequest, rejection.message) }
        return try await denyLocally(token, deadline: deadline)
    }

    /// Decides how long only Doorman denies a token. A token that is not valid yet will be, so it is denied like a valid token.
    private func denyLocally(_ token: Token, deadline: Deadline) async throws(VerificationError) -> RevocationOutcome {
        let checked: CheckedToken
        do throws(RejectedToken) {
            checked = try CheckedToken(token.bytes, settings, at: time.wallTime())
        } catch {
            return .alreadyInvalid
        }
        // The issuer may publish the key later, and then accept the token until its end. Without its key, the token's end can't be
        // believed: a forged end would fill the denial list. So nothing lasting can be done, and success would be a lie.
        guard case .keys(let candidates) = try await keys.keys(withID: checked.header.keyID, deadline: deadline) else {
            throw .unknownKey
        }
        guard try await signer(of: checked, among: candidates, deadline: deadline) != nil else { return .alreadyInvalid }
        return .deniedLocally(until: checked.claims.expiresAt)
    }
}

extension JWTVerifier {
    /// Returns the issuer that a token claims, without any check of its signature. For routing only.
    ///
    /// - Returns: `nil` if the bytes are not three base64url parts, or the claims are no JSON object with a text `iss`.
    package static func unverifiedIssuer(of token: Token) -> String? {
        do throws(RejectedToken) {
            let parts = try CompactParts(token.bytes, maximumBytes: JWTSettings.tokenBytes.upperBound)
            return Base64URLDecoder.decode(token.bytes.span.extracting(parts.payload)).flatMap(JSONValue.init(bytes:))?.object?[
                "iss"]?.string
        } catch {
            return nil
        }
    }
}

extension VerificationError {
    /// A revocation of a token whose key the issuer has not published.
    fileprivate static let unknownKey = VerificationError(
        .providerUnavailable,
        "The token can't be verified, because the issuer has not published its key: repeat the revocation until it succeeds or the token expires.",
        retryAfter: KeySourceStateMachine.Policy().demandInterval, scope: .request)
}
