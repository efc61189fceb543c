internal import DoormanAdmin
internal import DoormanCache
internal import DoormanCore
internal import DoormanFleet
internal import DoormanServer
internal import DoormanSupport

extension DoormandSettings {
    /// Returns the settings of the admin listener, with its address.
    ///
    /// - Throws: ``ConfigurationError`` if the address is invalid, or if other machines could reach it without being allowed to.
    func adminSettings() throws(ConfigurationError) -> AdminSettings {
        var admin = admin
        admin.tcp = nil
        guard !adminAddress.isEmpty else { return admin }
        guard let tcp = ServerSettings.TCPAddress(adminAddress) else {
            throw ConfigurationError(problems: ["admin.address must be host:port, for example 127.0.0.1:7119, [::1]:7119 or *:7119"]
            )
        }
        // A host name is resolved when the server listens, and checked again then.
        guard admin.allowsNetwork || tcp.isLoopback ?? true else {
            throw ConfigurationError(problems: ["admin.address: \(AdminPagesFromNetwork())"])
        }
        guard tcp.port == 0 || adminAddress != address else {
            throw ConfigurationError(problems: ["admin.address and server.address must differ"])
        }
        admin.tcp = tcp
        return admin
    }
}

extension ServerSettings.TCPAddress {
    /// Parses `host:port`, where the port may be 0 and an IPv6 address is in brackets.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), colon > text.startIndex
        else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        // A URL may hold a password, and a token must not reach a name server. No message may repeat them.
        guard host.utf8.allSatisfy({ $0.isASCIIAlphanumeric || "-._:%*".utf8.contains($0) }) else { return nil }
        guard !MisplacedToken.isProbable(host: String(host)) else { return nil }
        self.init(host: String(host), port: Int(port))
    }
}

extension Daemon {
    /// Returns the admin listener; `nil` if it is off.
    func adminServer(_ server: DoormanServer, _ dependencies: Dependencies, _ reloader: Reloader) throws -> AdminServer? {
        let settings = try settings.adminSettings()
        guard settings.tcp != nil else { return nil }
        let pages = AdminPages(
            RunningServer(
                server: server, verifier: dependencies.verifier, providers: dependencies.providers,
                fleetNode: dependencies.fleetNode, reloader: reloader),
            history: StatisticsHistory())
        return AdminServer(settings: settings, pages: pages, time: .system, logger: logger)
    }
}

/// What the admin pages show of the running server.
private struct RunningServer: AdminSource {
    let server: DoormanServer
    let verifier: CachingVerifier
    let providers: ProviderPool
    let fleetNode: FleetNode?
    let reloader: Reloader

    func statistics() async -> ServerStatistics { await server.statistics() }

    func details() async -> AdminDetails {
        var details = AdminDetails()
        details.counters = await server.counters()
        details.cache = verifier.statistics
        details.endpointLatencies = providers.providerRequests.latencies.map { key, latency in
            .init(provider: key.provider, endpoint: key.endpoint, latency: latency.snapshot)
        }
        details.permits = providers.governedProviders.map { provider in
            let state = provider.governor.statistics
            return .init(
                provider: provider.name, applicationID: provider.applicationID, rate: state.ratePermits, retries: state.retryPermits
            )
        }
        details.credentials = providers.credentials
        details.issuerKeys = providers.members.compactMap { member in
            member.issuer.map { .init(provider: member.configured.name, usableFor: $0.verifier.keysUsableFor) }
        }
        details.fleet = fleetNode.map { FleetFigures($0.fleet.statistics, revocationBound: $0.revocationBound) }
        return details
    }

    var readiness: Readiness {
        switch server.phase {
        case .starting: .starting
        case .serving: providers.isReady ? .ready : .awaitingProviders
        case .draining: .draining
        }
    }

    var configuration: String { SettingsPrinter.text(reloader.active) }
}
