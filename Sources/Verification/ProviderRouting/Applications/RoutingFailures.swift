internal import DoormanCore

extension VerificationError {
    /// A bug of ours: an application without any credential.
    static let noCredential = VerificationError(.internal, "No credential was there to ask with.")
}

extension Rejection {
    static let allProofsWrong = Rejection(
        .proofRejected,
        "Account Kit found every configured secret's proof wrong: a secret is wrong, or the token is another application's.")
    static let noneFits = Rejection(
        .proofRejected,
        "No configured application fits, and a proof was wrong: a secret is wrong, or the token is another application's.")
}
