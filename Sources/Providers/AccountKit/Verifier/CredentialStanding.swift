internal import NIOConcurrencyHelpers

/// What checks and tokens have shown about the credential of a verifier.
///
/// Account Kit judges a proof by the token's own application. So an accepted proof of a token that belongs to another application means that
/// the secret is that application's, and that the configured application id is wrong. Tokens of others can't cause that: their proofs are
/// rejected. The rejection stands only while nothing says that the credential may be wrong.
final class CredentialStanding: Sendable {
    private let isDoubted = NIOLockedValueBox(false)

    /// Whether the last check did not succeed, and no token has been valid since.
    var mayBeWrong: Bool { isDoubted.withLockedValue { $0 } }

    /// Records that a check succeeded, or that a token is valid.
    func confirm() {
        isDoubted.withLockedValue { $0 = false }
    }

    /// Records that a check ended without success.
    func doubt() {
        isDoubted.withLockedValue { $0 = true }
    }
}
