internal import DoormanCore

extension VerificationError {
    /// A bug of ours: ``ApplicationRoute`` requires a credential.
    static let noCredential = VerificationError(.internal, "Internal error: the application has no credential.")
}

extension Rejection {
    static let allProofsWrong = Rejection(
        .proofRejected,
        "Account Kit rejected every configured secret's proof: a secret is wrong, or the token is for another application.")
    static let noApplicationMatches = Rejection(
        .proofRejected,
        "No application matches, and Account Kit rejected a proof: a secret is wrong, or the token is for another application.")
}
