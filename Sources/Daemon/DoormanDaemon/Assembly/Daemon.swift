internal import CallerLimits
internal import CurlTransport
internal import DoormanAdmin
internal import DoormanCore
internal import DoormanFiles
internal import DoormanGRPC
internal import DoormanHTTP
internal import DoormanServer
internal import DoormanSupport
internal import DoormanVersion
internal import Logging
internal import NIOCore
internal import NIOPosix
package import ServiceLifecycle
internal import UnixSignals

/// The server process: its services and signals.
package struct Daemon {
    let settings: DoormandSettings
    let logLevel: LogLevel
    let logger: Logger
    /// Loads the settings again for a reload.
    let loader: SettingsLoader
    private let logWriter: LogWriter
    private let systemd: SystemdEnvironment
    private let providers: [ConfiguredProvider]
    /// The origins of the settings, for the admin pages.
    let origins: [String: String]

    /// - Parameter systemd: The service manager to notify. None by default.
    /// - Throws: ``ConfigurationError`` with all problems.
    package init(
        _ loaded: SettingsLoader.Loaded, loader: SettingsLoader, systemd: SystemdEnvironment = SystemdEnvironment()
    ) throws(ConfigurationError) {
        settings = loaded.settings
        origins = loaded.origins
        self.systemd = systemd
        self.loader = loader
        providers = try Self.check(settings)
        let logLevel = LogLevel(settings.logLevel)
        self.logLevel = logLevel
        let writer = LogWriter(format: settings.logFormat)
        logWriter = writer
        logger = Logger(
            label: "doormand", factory: { LevelledLogHandler(QueuedLogHandler(label: $0, writer: writer), level: logLevel) })
    }

    /// Performs all checks that need no socket.
    ///
    /// - Throws: ``ConfigurationError`` with all problems.
    @discardableResult
    static func check(_ settings: DoormandSettings) throws(ConfigurationError) -> [ConfiguredProvider] {
        var problems: [String] = []
        do throws(ConfigurationError) { _ = try settings.serverSettings() } catch { problems += error.problems }
        do throws(ConfigurationError) {
            // The server logs the warnings of the result when it starts.
            _ = try settings.tls.load(now: TimeSource.system.wallTime())
        } catch {
            problems += error.problems
        }
        do throws(ConfigurationError) { _ = try settings.providerAuthorities() } catch { problems += error.problems }
        do throws(ConfigurationError) { _ = try settings.configuredFleet() } catch { problems += error.problems }
        do throws(ConfigurationError) { _ = try settings.adminSettings() } catch { problems += error.problems }
        for (setting, path) in [("server.port-file", settings.portFile), ("admin.port-file", settings.adminPortFile)] {
            do throws(ConfigurationError) { try PortFile.check(path, of: setting) } catch { problems += error.problems }
        }
        if !settings.passedFamilies.contains(.unix), let problem = SocketFile.problem(with: settings.unixSocket) {
            problems.append("server.unix-socket: \(problem)")
        }
        let providers: [ConfiguredProvider]
        do throws(ConfigurationError) {
            providers = try settings.providers()
        } catch {
            throw ConfigurationError(problems: problems + error.problems)
        }
        do throws(ConfigurationError) { _ = try settings.httpConfiguration(providers: Set(providers.map(\.name))) } catch {
            problems += error.problems
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return providers
    }

    /// Warnings about valid settings and their files, as one line each. The log has the same at the start.
    package var warnings: [String] {
        // The sockets of a service manager are known at the start only.
        ((try? settings.serverSettings()).map(startWarnings) ?? []).map(\.text)
    }

    private func startWarnings(_ server: ServerSettings) -> [SettingsWarning] {
        settings.startWarnings(
            providers: providers, isOpenToTheNetwork: server.isOpenToTheNetwork, descriptorLimit: DescriptorLimit.raise(),
            now: TimeSource.system.wallTime())
    }

    /// Asks the fleet's store what it is, with a deadline. Empty without a fleet.
    package func checkStore() async -> StoreReport {
        guard let fleet = try? settings.configuredFleet() else { return StoreReport() }
        var check = StoreCheck(fleet)
        return await check.run()
    }

    /// Serves until SIGTERM or SIGINT, then drains and returns.
    ///
    /// - Parameter exporters: Services that send away what the server records, such as spans. They end after the server. Default none.
    /// - Throws: The first error that prevents or ends serving, such as an address in use.
    package func run(exporters: [any Service] = []) async throws {
        logWriter.start()
        do {
            try await serve(exporters)
        } catch {
            await logWriter.flush()
            throw error
        }
        await logWriter.flush()
    }

    private func serve(_ exporters: [any Service]) async throws {
        // First, because a descriptor that was not passed is free for the files of this process.
        let passedSockets = try systemd.passedSockets.listeners(for: settings)
        if settings.allowsCoreDumps { CoreDumps.allow() }
        logStart()
        let dependencies = try Dependencies(
            settings, logger: logger, droppedLogLines: { [queue = logWriter.queue] in queue.droppedCount })
        defer { dependencies.transport.shutdown() }
        var serverSettings = try settings.serverSettings()
        serverSettings.inheritedSockets = passedSockets
        let tls = try settings.tls.load(now: TimeSource.system.wallTime())
        let loops = settings.server.eventLoops == 0 ? NIOCore.System.coreCount : settings.server.eventLoops
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let http = ReloadableHTTPConfiguration(try settings.httpConfiguration(providers: Set(providers.map(\.name))))
        let server = DoormanServer(
            settings: serverSettings, backend: dependencies.backend, tls: tls,
            endpoints: [.http1: HTTP1Endpoint(http), .http2: HTTP2Endpoint(http)], group: group, logger: logger)
        for warning in startWarnings(serverSettings) { warning.log(to: logger) }
        dependencies.providers.start()
        defer { dependencies.providers.stop() }
        do {
            try await serve(server, http, dependencies, group, exporters)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private func serve(
        _ server: DoormanServer, _ http: ReloadableHTTPConfiguration, _ dependencies: Dependencies, _ group: any EventLoopGroup,
        _ exporters: [any Service]
    ) async throws {
        let notifier = systemd.makeNotifier(logger)
        let reloader = Reloader(
            configuration: activeConfiguration(dependencies, server, http), counters: dependencies.reloads, notifier: notifier,
            logger: logger)
        let monitor = StateMonitor(server: server, dependencies: dependencies, logger: logger)
        // They end in reverse order: the monitor looks on while the server drains, and the admin pages show it.
        var services: [any Service] = exporters
        // It follows the fleet's log before the first call, and until the last.
        if let node = dependencies.fleetNode {
            services.append(FleetFollower(node: node, cache: dependencies.verifier, logger: logger))
        }
        services += [monitor, AnnouncedServer(server: server, notifier: notifier), reloader]
        if !settings.portFile.isEmpty {
            services.append(PortFile("server.port-file", path: settings.portFile) { server.addresses.compactMap(\.port).first })
        }
        if let admin = try adminServer(server, dependencies, reloader) {
            services.insert(admin, at: 0)
            if !settings.adminPortFile.isEmpty {
                services.append(
                    PortFile("admin.port-file", path: settings.adminPortFile) { admin.addresses.compactMap(\.port).first })
            }
        }
        if let timeout = systemd.watchdogTimeout {
            // First, so that it ends last: a drain may take longer than the watchdog allows.
            let watchdog = Watchdog(timeout: timeout, loops: Array(group.makeIterator()), sendSignOfLife: notifier.alive)
            services.insert(watchdog, at: 0)
        }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        // The server ends its own drain in time. This limit is a backstop.
        configuration.maximumGracefulShutdownDuration = settings.server.drainTimeout + .seconds(5)
        try await ServiceGroup(configuration: configuration).run()
    }

    private func logStart() {
        logger.info(
            "starting",
            metadata: [
                "version": "\(ProgramVersion.text)", "configuration": "\(settings.digest)",
                "providers": .array(providers.map { "\($0.name)" }),
            ])
    }
}

extension DoormandSettings {
    /// Returns the settings of the server, with the listeners and the caller policy.
    ///
    /// - Throws: ``ConfigurationError`` if the caller policy or the address is invalid, if the address needs TLS, or if there is no
    ///   listener.
    func serverSettings() throws(ConfigurationError) -> ServerSettings {
        var problems: [String] = []
        var server = server
        server.maximumCallers = cacheMissLimiter.maximumCallers
        do throws(ConfigurationError) { try setListeners(of: &server) } catch { problems += error.problems }
        if server.policy == nil {
            do throws(ConfigurationError) { server.policy = try callerPolicy() } catch { problems += error.problems }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return server
    }

    /// The limits on revocations of accounts. Callers are tracked like those with cache misses.
    var limitsOfAccountRevocations: CallerRateLimiterSettings {
        var limits = accountRevocationLimiter
        limits.maximumCallers = cacheMissLimiter.maximumCallers
        return limits
    }

    private func setListeners(of server: inout ServerSettings) throws(ConfigurationError) {
        let passed = passedFamilies
        server.unixSocketPath = unixSocket.isEmpty || passed.contains(.unix) ? nil : unixSocket
        server.tcp = nil
        if !address.isEmpty, !passed.contains(.tcp) {
            guard let tcp = ServerSettings.TCPAddress(address) else {
                throw ConfigurationError(problems: [
                    "server.address must be host:port, for example 127.0.0.1:7117, [::1]:7117 or *:7117, or systemd"
                ])
            }
            // A host name is resolved when the server listens, and checked again then.
            guard tls.isTLS || server.allowsPlaintextFromNetwork || tcp.isLoopback ?? true else {
                throw ConfigurationError(problems: ["server.address: \(PlaintextFromNetwork())"])
            }
            server.tcp = tcp
        }
        guard server.tcp != nil || server.unixSocketPath != nil || !passed.isEmpty else {
            throw ConfigurationError(problems: [
                "server.address and server.unix-socket are both empty: set at least one address to listen on"
            ])
        }
    }

    /// Returns the settings of the transport.
    ///
    /// - Parameter governors: The number of governors that share the transport.
    /// - Throws: ``ConfigurationError`` if the authorities of the provider can't be used.
    func transportSettings(governors: Int) throws(ConfigurationError) -> CurlTransport.Settings {
        var transport = transport
        // The governors enforce the limit. The factor allows for abandoned requests that are still in flight.
        transport.maximumRequests = max(transport.maximumRequests, 2 * governor.concurrentCalls * governors)
        transport.authorities = try providerAuthorities()
        transport.proxy = proxy.isEmpty ? nil : proxy
        return transport
    }
}
