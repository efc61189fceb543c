internal import NIOConcurrencyHelpers

/// What checks and tokens have shown about the credential of a verifier.
///
/// Account Kit judges a proof by the token's own application. So an accepted proof of a token that belongs to another application means that
/// the secret is that application's, and that the configured application id is wrong. Tokens of others can't cause that: their proofs are
/// rejected. The rejection stands only while nothing says that the credential may be wrong.
final class CredentialStanding: Sendable {
    private enum State {
        /// No check has begun.
        case unknown
        /// The first check has not ended, or the last one did not succeed.
        case doubted
        /// A check succeeded, or a token is valid.
        case confirmed
    }

    private let state = NIOLockedValueBox(State.unknown)

    /// Whether the credential may be wrong. A further check of a credential that works does not change it before its end.
    var mayBeWrong: Bool { state.withLockedValue { $0 == .doubted } }

    /// Records that a check begins. Without doubt until its end, a reload with a wrong id would reject every token in the meantime.
    func beginCheck() {
        state.withLockedValue { if $0 == .unknown { $0 = .doubted } }
    }

    /// Records that a check succeeded, or that a token is valid.
    func confirm() {
        state.withLockedValue { $0 = .confirmed }
    }

    /// Records that a check ended without success.
    func doubt() {
        state.withLockedValue { $0 = .doubted }
    }
}
