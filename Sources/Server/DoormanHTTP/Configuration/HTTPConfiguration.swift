internal import NIOConcurrencyHelpers

/// The settings of the HTTP API. Immutable and shared, so that a connection keeps a reference to it.
package final class HTTPConfiguration: Sendable {
    package let profiles: HTTPProfiles
    /// The clients that may introspect tokens; `nil` if the callers' certificates or addresses are enough.
    package let introspectionClients: IntrospectionClients?

    package init(profiles: HTTPProfiles = HTTPProfiles(), introspectionClients: IntrospectionClients? = nil) {
        self.profiles = profiles
        self.introspectionClients = introspectionClients
    }
}

/// The configuration that a reload replaces.
package final class ReloadableHTTPConfiguration: Sendable {
    private let current: NIOLockedValueBox<HTTPConfiguration>

    package init(_ configuration: HTTPConfiguration = HTTPConfiguration()) {
        current = NIOLockedValueBox(configuration)
    }

    /// The latest configuration. Connections apply it within ``HTTPRouter/refreshInterval``.
    package var value: HTTPConfiguration {
        get { current.withLockedValue { $0 } }
        set { current.withLockedValue { $0 = newValue } }
    }
}
