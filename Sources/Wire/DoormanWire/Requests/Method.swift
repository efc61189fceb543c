/// The methods of the contract, by their full names.
package enum Method: Sendable, Hashable, CaseIterable {
    case verify
    case exchange
    case revoke
    case listAccounts
    case deleteAccount
    case statistics
    case healthCheck

    /// The full name of the service: package and service.
    package var service: StaticString {
        switch self {
        case .verify, .exchange, .revoke: "doorman.v1.Auth"
        case .listAccounts, .deleteAccount: "doorman.v1.Accounts"
        case .statistics: "doorman.v1.Stats"
        case .healthCheck: "grpc.health.v1.Health"
        }
    }

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
