internal import DoormanSupport
internal import ProviderRouting

extension ProviderRouter {
    /// Creates the router of an installation with a single provider, which sees every revocation.
    convenience init(_ name: String, _ provider: any TokenProvider) {
        self.init(
            [
                Pool(
                    names: [name], pattern: .opaque, operations: Set(ProviderOperation.allCases), seesNoRevocation: false,
                    provider: provider)
            ],
            unverifiedIssuer: { _ in nil })
    }
}
