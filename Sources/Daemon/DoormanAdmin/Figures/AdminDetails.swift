package import DoormanCache
package import DoormanCore
package import DoormanServer

/// Figures for operators that ``ServerStatistics`` sums up or lacks.
package struct AdminDetails: Sendable {
    /// The latencies of the requests to an endpoint of a provider that got a response.
    package struct EndpointLatency: Sendable {
        package let provider: String
        package let endpoint: String
        package let latency: LatencyHistogram.Snapshot

        package init(provider: String, endpoint: String, latency: LatencyHistogram.Snapshot) {
            self.provider = provider
            self.endpoint = endpoint
            self.latency = latency
        }
    }

    /// What the limits of an application allow now.
    package struct Permits: Sendable {
        package let provider: String
        package let applicationID: String
        /// The provider requests that the rate limit allows now.
        package let rate: Int
        /// The retries that the retry budget allows now.
        package let retries: Int

        package init(provider: String, applicationID: String, rate: Int, retries: Int) {
            self.provider = provider
            self.applicationID = applicationID
            self.rate = rate
            self.retries = retries
        }
    }

    /// Whether the credential of an application works.
    package struct Credential: Sendable {
        package let provider: String
        package let applicationID: String
        package let isWorking: Bool

        package init(provider: String, applicationID: String, isWorking: Bool) {
            self.provider = provider
            self.applicationID = applicationID
            self.isWorking = isWorking
        }
    }

    /// The keys of an issuer.
    package struct IssuerKeys: Sendable {
        package let provider: String
        /// The time for which they can be used without another successful fetch.
        package let usableFor: Duration

        package init(provider: String, usableFor: Duration) {
            self.provider = provider
            self.usableFor = usableFor
        }
    }

    /// The counters of all event loops.
    package var counters = ServerCounters.Snapshot()
    package var cache = CacheStatistics()
    package var endpointLatencies: [EndpointLatency] = []
    package var permits: [Permits] = []
    /// The credentials that a check or a call has shown to work or not to work.
    package var credentials: [Credential] = []
    package var issuerKeys: [IssuerKeys] = []
    /// `nil` if the server belongs to no fleet.
    package var fleet: FleetFigures?

    package init() {}
}
