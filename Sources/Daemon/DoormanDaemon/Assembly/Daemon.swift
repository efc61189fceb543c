internal import CurlTransport
internal import DoormanCore
internal import DoormanServer
internal import DoormanSupport
internal import Foundation
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals

/// The process: its services and its signals.
package struct Daemon {
    let settings: DoormandSettings
    let logLevel: LogLevel
    let logger: Logger
    /// Loads the settings again for a reload.
    let loader: SettingsLoader
    private let applications: [ServedApplication]

    /// - Throws: ``ConfigurationError`` that says all that is wrong.
    package init(settings: DoormandSettings, loader: SettingsLoader) throws(ConfigurationError) {
        self.settings = settings
        self.loader = loader
        applications = try Self.check(settings)
        let logLevel = LogLevel(settings.logLevel)
        self.logLevel = logLevel
        logger = Logger(
            label: "doormand", factory: { LevelledLogHandler(StreamLogHandler.standardError(label: $0), level: logLevel) })
    }

    /// Checks what can be checked without opening a socket.
    ///
    /// - Throws: ``ConfigurationError`` that says all that is wrong.
    @discardableResult
    static func check(_ settings: DoormandSettings) throws(ConfigurationError) -> [ServedApplication] {
        var problems: [String] = []
        do throws(ConfigurationError) { _ = try settings.serverSettings() } catch { problems += error.problems }
        do throws(ConfigurationError) {
            // Warnings are for the server that starts.
            _ = try settings.tls.load(now: TimeSource.system.wallTime())
        } catch {
            problems += error.problems
        }
        if !settings.caFile.isEmpty, !FileManager.default.isReadableFile(atPath: settings.caFile) {
            problems.append("provider.ca-file: the file that it names can't be read")
        }
        let folder = URL(fileURLWithPath: settings.portFile).deletingLastPathComponent().path
        if !settings.portFile.isEmpty, !FileManager.default.isWritableFile(atPath: folder) {
            problems.append("server.port-file: nothing can be written into the folder of the file that it names")
        }
        let applications: [ServedApplication]
        do throws(ConfigurationError) {
            applications = try settings.applications()
        } catch {
            throw ConfigurationError(problems: problems + error.problems)
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return applications
    }

    /// Serves until SIGTERM or SIGINT, then drains.
    package func run() async throws {
        let dependencies = try Dependencies(settings)
        defer { dependencies.transport.shutdown() }
        let serverSettings = try settings.serverSettings()
        let tls = try settings.tls.load(now: TimeSource.system.wallTime())
        let loops = settings.server.eventLoops == 0 ? NIOCore.System.coreCount : settings.server.eventLoops
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let server = DoormanServer(settings: serverSettings, backend: dependencies.backend, tls: tls, group: group, logger: logger)
        warn(descriptorLimit: DescriptorLimit.raise())
        do {
            try await serve(server, dependencies)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private func serve(_ server: DoormanServer, _ dependencies: Dependencies) async throws {
        let reloader = Reloader(
            configuration: activeConfiguration(dependencies, server), counters: dependencies.reloads, logger: logger)
        var services: [any Service] = [server, reloader]
        if !settings.portFile.isEmpty { services.append(PortFile(path: settings.portFile, server: server)) }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        // The server cuts itself off; this is for the day that it does not.
        configuration.maximumGracefulShutdownDuration = settings.server.drainTimeout + .seconds(5)
        try await ServiceGroup(configuration: configuration).run()
    }

    private func warn(descriptorLimit: Int) {
        // Listeners, logs, event loops and what libraries open take the rest.
        let needed = settings.server.maximumConnections + 2 * settings.transport.maximumConnections + 64
        if descriptorLimit < needed {
            logger.warning(
                "fewer file descriptors than server.max-connections and provider.max-connections may need",
                metadata: ["limit": "\(descriptorLimit)", "needed": "\(needed)"])
        }
        if settings.server.allowsPlaintextFromNetwork, !settings.tls.isTLS {
            logger.warning("server.allow-plaintext-from-network is on: whoever is on the way can read tokens and forge answers")
        }
        if settings.baseURL.hasPrefix("http://") {
            logger.warning("account-kit.base-url is plain HTTP on this machine: right for account-kit-emulator, for nothing else")
        }
        for application in applications { warn(application) }
    }

    private func warn(_ application: ServedApplication) {
        let metadata: Logger.Metadata = ["application": "\(application.id)"]
        if application.acceptsAnswersWithoutApplication {
            logger.warning(
                "accept-answers-without-application is on: the proof is the only guard against another app's token",
                metadata: metadata)
        }
        if !application.hasSecret {
            logger.warning("no app secret file is set: no proof is sent, and codes can't be exchanged", metadata: metadata)
        }
    }
}

extension DoormandSettings {
    /// - Throws: ``ConfigurationError`` if the policy of callers is no good, the address makes no sense, or is not to be listened on without
    ///   TLS, or there is nothing to listen on.
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

    private func setListeners(of server: inout ServerSettings) throws(ConfigurationError) {
        server.unixSocketPath = unixSocket.isEmpty ? nil : unixSocket
        server.tcp = nil
        if !address.isEmpty {
            guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]),
                colon > address.startIndex
            else {
                throw ConfigurationError(problems: ["server.address must be host:port, for example 127.0.0.1:7117 or [::1]:7117"])
            }
            var host = address[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            let tcp = ServerSettings.TCPAddress(host: String(host), port: Int(port))
            // What a name means is found out when it is listened on.
            guard tls.isTLS || server.allowsPlaintextFromNetwork || tcp.isLoopback ?? true else {
                throw ConfigurationError(problems: ["server.address: \(PlaintextFromNetwork())"])
            }
            server.tcp = tcp
        }
        guard server.tcp != nil || server.unixSocketPath != nil else {
            throw ConfigurationError(problems: [
                "server.address and server.unix-socket are both empty: there is nothing to listen on"
            ])
        }
    }

    /// - Parameter governors: How many ask by the same transport.
    func transportSettings(governors: Int) -> CurlTransport.Settings {
        var transport = transport
        // The governors are who say when it is too much; what they have given up may take a moment to go.
        transport.maximumRequests = max(transport.maximumRequests, 2 * governor.concurrentCalls * governors)
        transport.caFile = caFile.isEmpty ? nil : caFile
        transport.proxy = proxy.isEmpty ? nil : proxy
        return transport
    }
}
