internal import DoormanCore
internal import ProviderHTTP

extension VerificationError {
    static let signingFailed = misconfigured("Signing the client assertion failed: check the private key.")

    /// A server that calls every token active would let everyone in.
    static let randomTokenIsActive = VerificationError(
        .providerMisconfigured, "The provider calls a random token active: check the introspection endpoint.", scope: .verdicts,
        request: .responded)

    static let introspectionHasNoCodes = VerificationError(
        .unsupported, "The provider introspects tokens only, and exchanges no codes.")

    static let introspectionHasNoAccounts = VerificationError(
        .unsupported, "The provider can't revoke all tokens of an account: revoke each token by itself.")
}

extension Rejection {
    static let inactive = Rejection(.tokenRejected, ResponseKind.tokenRejected.message)
}
