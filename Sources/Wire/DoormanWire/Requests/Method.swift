/// A method of the contract.
package enum Method: Sendable, Hashable, CaseIterable {
    case verify
    case exchange
    case revoke
    case listAccounts
    case deleteAccount
    case statistics
    case healthCheck

    /// The full name of the service, with its package.
    package var service: StaticString {
        switch self {
        case .verify, .exchange, .revoke: "doorman.v1.Auth"
        case .listAccounts, .deleteAccount: "doorman.v1.Accounts"
        case .statistics: "doorman.v1.Stats"
        case .healthCheck: "grpc.health.v1.Health"
        }
    }

    /// The name of the method within its service.
    package var name: StaticString {
        switch self {
        case .verify: "Verify"
        case .exchange: "Exchange"
        case .revoke: "Revoke"
        case .listAccounts: "List"
        case .deleteAccount: "Delete"
        case .statistics: "Get"
        case .healthCheck: "Check"
        }
    }
}
