internal import DoormanCache
internal import DoormanCore
internal import DoormanSupport

extension CachingVerifier {
    /// Verifies like the server after a cache miss. Every token of a simulation has valid syntax.
    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let call = VerifyCall(
            validated: request.token, key: key(of: request.token.bytes.span),
            requirements: TokenRequirements(
                provider: request.provider, applicationID: request.applicationID, scopes: request.requiredScopes),
            maxAge: request.maxAge)
        return try await verify(call, deadline: deadline).verdict
    }
}
