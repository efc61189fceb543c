package import DoormanCore
package import DoormanWire

/// A call that has to wait for an answer.
package enum Call: Sendable, Hashable {
    case verify(VerificationRequest)
    case exchange(ExchangeRequest)
    case revoke(RevocationRequest)
    case listAccounts(AccountListRequest)
    case deleteAccount(AccountDeletionRequest)

    package var method: Method {
        switch self {
        case .verify: .verify
        case .exchange: .exchange
        case .revoke: .revoke
        case .listAccounts: .listAccounts
        case .deleteAccount: .deleteAccount
        }
    }
}
