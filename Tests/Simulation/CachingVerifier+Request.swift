internal import DoormanCache
internal import DoormanCore
internal import DoormanSupport

extension CachingVerifier {
    /// Verifies as the server does what its cache had no answer for. Every token of a simulation is of valid syntax.
    func verify(_ request: VerificationRequest, deadline: Deadline) async throws(VerificationError) -> Verdict {
        let call = VerifyCall(
            validated: request.token, key: key(of: request.token.bytes.span), applicationID: request.applicationID,
            maxAge: request.maxAge)
        return try await verify(call, deadline: deadline).verdict
    }
}
