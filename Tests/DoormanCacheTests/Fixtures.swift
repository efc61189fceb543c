import DoormanCache
import DoormanCore
import DoormanSupport
import TestKit

extension Identity {
    static func sample(
        account: String = "1011166682335378", application: String = "5432154321543210",
        validUntil: Timestamp = .distantFuture
    ) -> Identity {
        Identity(
            accountID: account, applicationID: application,
            phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "scripted",
            verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
        )
        .valid(until: validUntil)
    }
}

extension Verdict {
    static let rejectedToken = Verdict.rejected(Rejection(.tokenRejected, "No such token."))

    var identity: Identity? {
        guard case .valid(let identity) = self else { return nil }
        return identity
    }

    var reason: Rejection.Reason? {
        guard case .rejected(let rejection) = self else { return nil }
        return rejection.reason
    }
}

extension CacheEntry {
    static func sample(
        _ verdict: Verdict = .valid(.sample()), responseBytes: [UInt8] = Array(repeating: 7, count: 100),
        requestedAt: Instant = Instant(nanoseconds: 0), expiresAt: Instant = .distantFuture
    ) -> CacheEntry {
        CacheEntry(
            verdict: verdict, response: EncodedResponse(bytes: responseBytes), requestedAt: requestedAt,
            expiresAt: expiresAt)
    }
}

/// Encodes the facts that tests look for: account and freshness, or the reason of a rejection.
func encodeForTests(_ verdict: Verdict) -> EncodedResponse {
    switch verdict {
    case .valid(let identity): EncodedResponse(bytes: Array("\(identity.accountID) \(identity.freshness)".utf8))
    case .rejected(let rejection): EncodedResponse(bytes: Array("\(rejection.reason)".utf8))
    case .forbidden(let forbidden): EncodedResponse(bytes: Array("\(forbidden.reason)".utf8))
    }
}

/// A caching verifier in front of a scripted provider, with a stepped clock.
struct Scene {
    let provider = ScriptedProvider.withAccounts()
    let clock = SteppedClock()
    let verifier: CachingVerifier
    let token = Token("EMAWtesttoken0001")

    /// - Parameter roll: The random bits of the jitter. The default gives no jitter.
    init(roll: UInt64 = 1 << 63, _ change: (inout CacheSettings) -> Void = { _ in }) throws {
        var settings = CacheSettings()
        change(&settings)
        verifier = try CachingVerifier(
            provider: provider, settings: settings, timeSource: clock.timeSource, coding: VerdictCoding(encode: encodeForTests),
            randomness: CacheRandomness(roll: { roll }))
    }

    /// A deadline that never passes in a test, since its timer runs in real time.
    var deadline: Deadline { Deadline(clock.now.advanced(by: .seconds(3600))) }

    func verify(
        _ token: Token? = nil, application: String? = nil, maxAge: Duration? = nil
    ) async throws(VerificationError) -> Verdict {
        let request = VerificationRequest(token: token ?? self.token, applicationID: application, maxAge: maxAge)
        return try await verifier.verify(request, deadline: deadline)
    }

    func cachedResponse(_ token: Token? = nil, application: String = "", maxAgeSeconds: UInt32 = 0) -> String? {
        let bytes = (token ?? self.token).bytes
        let applicationBytes = Array(application.utf8)
        var response = EncodedResponse()
        let key = verifier.key(of: bytes.span)
        let hit = verifier.lookup(
            key, applicationID: applicationBytes.span, maxAgeSeconds: maxAgeSeconds, now: clock.now, into: &response)
        // The server refreshes the entry, too.
        if hit?.isDueForRefresh == true { verifier.refresh(VerifyCall(validated: Token(bytes: bytes), key: key)) }
        return hit.map { _ in String(decoding: response.bytes, as: UTF8.self) }
    }
}

extension CachingVerifier {
    /// Verifies as the server does: validates the syntax first.
    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        if let rejection = validateSyntax(of: request.token, naming: request.provider) { return .rejected(rejection) }
        let call = VerifyCall(
            validated: request.token, key: key(of: request.token.bytes.span),
            requirements: TokenRequirements(
                provider: request.provider, applicationID: request.applicationID, scopes: request.requiredScopes),
            maxAge: request.maxAge)
        return try await verify(call, deadline: deadline).verdict
    }
}
