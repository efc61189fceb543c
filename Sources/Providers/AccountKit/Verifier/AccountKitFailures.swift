internal import DoormanCore
internal import ProviderHTTP

extension VerificationError {
    static let invalidAccountID = VerificationError(
        .invalidRequest, "Invalid account id: expected 1 to 64 decimal digits without a leading zero.")

    /// The provider rejected our own credential.
    static let applicationRejected = misconfigured(ResponseKind.configurationRejected.message, request: .responded)
}

extension Rejection {
    static let unknownApplication = Rejection(
        .wrongApplication, "The provider's response does not name the application of the token.")
}
