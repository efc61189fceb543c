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
    /// The maximum open files and sockets of the process.
    private let descriptorLimit: Int
    /// The origins of the settings, for the admin pages.
    let origins: [String: String]

    /// Checks the settings, and raises the process's limit on open files.
    ///
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
        descriptorLimit = DescriptorLimit.raise()
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
        var problems = ProblemCollector()
        problems.collect(try settings.serverSettings())
        // The server logs the warnings of the result when it starts.
        problems.collect(try settings.tls.load(now: TimeSource.system.wallTime()))
        problems.collect(try settings.providerAuthorities())
        problems.collect(try settings.configuredFleet())
        problems.collect(try settings.adminSettings())
        for (setting, path) in [("server.port-file", settings.portFile), ("admin.port-file", settings.adminPortFile)] {
            problems.collect(try PortFile.check(path, of: setting))
        }
        if !settings.passedFamilies.contains(.unix), let problem = SocketFile.problem(with: settings.unixSocket) {
            problems.add(["server.unix-socket: \(problem)"])
        }
        guard let providers = problems.collect(try settings.providers()) else { throw problems.error }
        problems.collect(try settings.httpConfiguration(providers: Set(providers.map(\.name))))
        try problems.throwIfAny()
        return providers
    }

    /// Warnings about valid settings and their files, as one line each. The log has the same at the start.
    package var warnings: [String] {
        // The sockets of a service manager are known at the start only.
        ((try? settings.serverSettings()).map(startWarnings) ?? []).map(\.text)
    }

    /// Checks what only a rollout must not do. A start goes on with a warning, because its clock may be wrong.
    ///
    /// - Throws: ``ConfigurationError`` if the server's certificate, or an intermediate in its file, has expired.
    package func checkCertificate() throws(ConfigurationError) {
        let now = TimeSource.system.wallTime()
        guard let tls = try settings.tls.load(now: now), tls.certificateExpiry < now else { return }
        throw ConfigurationError(problems: [
            "tls.certificate-file: the certificate or an intermediate has expired, so callers will refuse the server: renew the file"
                + UnreadableFile.suffix(settings.tls.certificate)
        ])
    }

    private func startWarnings(_ server: ServerSettings) -> [SettingsWarning] {
        settings.startWarnings(
            providers: providers, isOpenToTheNetwork: server.isOpenToTheNetwork, descriptorLimit: descriptorLimit,
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
