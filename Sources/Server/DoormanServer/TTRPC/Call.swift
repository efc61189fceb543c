internal import DoormanCore
package import DoormanSupport
package import DoormanWire

/// A call that has to wait for an answer.
package enum Call: Sendable, Hashable {
    case verify(VerificationRequest)
    case exchange(ExchangeRequest)
    case revoke(RevocationRequest)
    case listAccounts(AccountListRequest)
    case deleteAccount(AccountDeletionRequest)
    case statistics

    package var method: Method {
        switch self {
        case .verify: .verify
        case .exchange: .exchange
        case .revoke: .revoke
        case .listAccounts: .listAccounts
        case .deleteAccount: .deleteAccount
        case .statistics: .statistics
        }
    }

    /// Whether it is counted among those that wait. Whoever looks at a server whose places are all taken is not to be turned away.
    var takesPlace: Bool { self != .statistics }
}
