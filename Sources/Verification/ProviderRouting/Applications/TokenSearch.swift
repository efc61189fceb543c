internal import DoormanCore
internal import DoormanSupport

/// The search for an application and a credential that can judge a token.
///
/// A rejection by another application than the request's is not final, nor is a rejection after an error of another application:
/// trouble of one application must not reject the tokens of another.
struct TokenSearch {
    let request: VerificationRequest
    /// The application that the request names, if it is configured.
    let named: String?
    let deadline: Deadline
    private var requests: RequestCharge
    /// The applications whose proofs the provider rejected, with the time of the last rejection.
    var rejectedProofs: [(ApplicationRoute, Instant)] = []
    /// Whether a proof of the last application was rejected.
    private(set) var isProofRejected = false
    /// The first rejection for another application.
    private(set) var wrongApplication: Rejection?
    /// The first error that may concern the credential only.
    private(set) var failure: VerificationError?

    init(request: VerificationRequest, named: String?, deadline: Deadline, charge: @escaping ApplicationRouter.ChargeExtraRequest) {
        self.request = request
        self.named = named
        self.deadline = deadline
        requests = RequestCharge(request.caller, charge: charge)
    }

    /// Tries the credentials of an application in order.
    ///
    /// - Returns: The verdict if it is final.
    mutating func tryCredentials(of route: ApplicationRoute) async throws(VerificationError) -> Verdict? {
        isProofRejected = false
        let failureBefore = failure
        for credential in route.credentialsInOrder {
            switch try await attempt(with: credential, of: route) {
            case .valid(let identity): return .valid(identity)
            case .rejected(let rejection): return isFinal(for: route, after: failureBefore) ? .rejected(rejection) : nil
            case .nextCredential: continue
            case .nextApplication: return nil
            }
        }
        return nil
    }

    /// Tries one credential of an application.
    ///
    /// - Returns: The verdict if it is final.
    mutating func tryCredential(
        _ credential: ApplicationRoute.Credential, of route: ApplicationRoute
    ) async throws(VerificationError) -> Verdict? {
        switch try await attempt(with: credential, of: route) {
        case .valid(let identity): .valid(identity)
        case .rejected(let rejection): isFinal(for: route, after: failure) ? .rejected(rejection) : nil
        case .nextCredential, .nextApplication: nil
        }
    }

    private enum Attempt {
        case valid(Identity)
        /// The provider rejects the token, whatever its application.
        case rejected(Rejection)
        case nextCredential
        case nextApplication
    }

    private func isFinal(for route: ApplicationRoute, after failure: VerificationError?) -> Bool {
        // A token that was valid for this application before belongs to no other.
        if route.applicationID == request.known?.applicationID { return true }
        return failure == nil && (named == nil || named == route.applicationID)
    }

    private mutating func attempt(
        with credential: ApplicationRoute.Credential, of route: ApplicationRoute
    ) async throws(VerificationError) -> Attempt {
        do throws(VerificationError) {
            let verdict = try await route.lookupPermits.perform(for: route.provider) {
                [request, deadline] () async throws(VerificationError) in
                try await credential.provider.verify(request, deadline: deadline)
            }
            requests.record()
            switch verdict {
            case .valid(let identity):
                credential.markWorking()
                return .valid(identity)
            case .rejected(let rejection):
                switch rejection.reason {
                case .proofRejected:
                    isProofRejected = true
                    return .nextCredential
                case .wrongApplication:
                    // The secret was accepted, so another secret would lead to the same result.
                    wrongApplication = wrongApplication ?? rejection
                    return .nextApplication
                case .tokenRejected, .malformedToken, .wrongProvider:
                    return .rejected(rejection)
                }
            case .forbidden: preconditionFailure("no provider judges what a call requires")
            }
        } catch {
            requests.record(error)
            credential.recordFailure(error)
            guard error.code == .providerBusy || error.scope == .credential else { throw error }
            failure = failure ?? error
            // Each application has a rate limit of its own, and the token may be for another application.
            return error.code == .providerBusy ? .nextApplication : .nextCredential
        }
    }
}
