/// An endpoint of a provider, as statistics and logs distinguish them.
package struct ProviderEndpoint: Sendable, Hashable {
    /// The properties of an endpoint that change how a failed request is reported.
    package struct Traits: OptionSet, Sendable, Hashable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// The endpoint by which a credential is checked. The check has a log line of its own.
        package static let checksCredential = Traits(rawValue: 1 << 0)
        /// Each request uses up an authorization code, so a code whose request got no response may be spent.
        package static let spendsCode = Traits(rawValue: 1 << 1)
        /// The caller chooses the size of the response.
        package static let isPaged = Traits(rawValue: 1 << 2)
        /// The endpoint of an issuer's keys. A document that can't be used has a log line of its own.
        package static let fetchesKeys = Traits(rawValue: 1 << 3)
    }

    /// The name in the statistics.
    package let name: String
    package let traits: Traits

    package init(_ name: String, _ traits: Traits = []) {
        self.name = name
        self.traits = traits
    }

    /// Whether a rejected credential is expected here, because requests to this endpoint check it.
    package var isCredentialCheck: Bool { traits.contains(.checksCredential) }
}

extension ProviderEndpoint: CustomStringConvertible {
    package var description: String { name }
}
