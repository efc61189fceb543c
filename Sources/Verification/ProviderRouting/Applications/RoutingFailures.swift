internal import DoormanCore

extension VerificationError {
    /// A bug of ours: ``ApplicationRoute`` requires a credential.
    static let noCredential = VerificationError(.internal, "Internal error: the application has no credential.")
}

extension Rejection {
    static let workingSecretRejected = Rejection(
        .proofRejected, "The token belongs to another application: the provider rejected the proof of a working app secret.")
}
