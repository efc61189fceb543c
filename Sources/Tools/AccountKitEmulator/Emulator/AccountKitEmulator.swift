internal import DoormanFiles
internal import DoormanSupport
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import NIOPosix
internal import NIOSSL

/// An emulator of providers over HTTP or HTTPS (HTTP/2 if the client supports it): the six calls of Account Kit, those of Facebook
/// Login, and an OpenID issuer. It has log-ins without a phone, and faults on demand.
package final class AccountKitEmulator: Sendable {
    private enum Lifecycle {
        case new
        case starting
        case running(any Channel)
        case stopped
    }

    package let settings: EmulatorSettings
    private let group: any EventLoopGroup
    private let logger: Logger
    let state: NIOLockedValueBox<EmulatorState>
    private let connections: Connections
    private let lifecycle = NIOLockedValueBox<Lifecycle>(.new)

    /// - Parameter group: The event loops to run on. The caller shuts them down.
    /// - Throws: ``EmulatorError`` if the settings have no app, or an id or token twice.
    package init(
        settings: EmulatorSettings = EmulatorSettings(port: 0), group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = Logger(label: "account-kit-emulator")
    ) throws(EmulatorError) {
        self.settings = settings
        self.group = group
        self.logger = logger
        state = NIOLockedValueBox(try EmulatorState(settings: settings))
        connections = Connections(limit: settings.limits.connections)
    }

    /// Starts to listen. Can be called once.
    ///
    /// - Returns: The address, with the chosen port.
    /// - Throws: ``EmulatorError`` if other machines reach the address and the settings don't allow that, or if certificate or key
    ///   can't be read; NIO's errors if the address is in use.
    @discardableResult
    package func start() async throws -> SocketAddress {
        let isFirst = lifecycle.withLockedValue { lifecycle in
            guard case .new = lifecycle else { return false }
            lifecycle = .starting
            return true
        }
        guard isFirst else { throw EmulatorError(.badSettings, "an emulator can be started once only") }
        do {
            let tls = try settings.tls.map(makeTLSContext)
            let address = try checkedAddress()
            let listener = try await bind(to: address, tls: tls)
            lifecycle.withLockedValue { $0 = .running(listener) }
            if settings.issuer == nil {
                let url = "\(baseURL)/oidc"
                state.withLockedValue { $0.issuer.url = url }
            }
            return try listener.localAddress ?? SocketAddress(ipAddress: "127.0.0.1", port: settings.port)
        } catch {
            lifecycle.withLockedValue { $0 = .stopped }
            throw error
        }
    }

    /// Stops to listen, lets responses finish, and closes every connection. Does nothing if the emulator is not running.
    package func stop() async throws {
        let listener: (any Channel)? = lifecycle.withLockedValue { lifecycle in
            guard case .running(let channel) = lifecycle else { return nil }
            lifecycle = .stopped
            return channel
        }
        guard let listener else { return }
        try await listener.close()
        await connections.close(grace: settings.limits.drain, on: group.next())
    }

    /// The port; 0 if the emulator is not running.
    package var port: Int {
        lifecycle.withLockedValue { lifecycle in
            guard case .running(let channel) = lifecycle else { return 0 }
            return channel.localAddress?.port ?? 0
        }
    }

    /// The URL for calls: scheme, host and port, without a path.
    package var baseURL: String {
        let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
        return "\(scheme)://\(host):\(port)"
    }

    /// The URL of the OpenID issuer.
    package var issuer: String { state.withLockedValue { $0.issuer.url } }

    /// Generates the keys of the OpenID issuer, so that the first request for them need not wait.
    @concurrent
    package func prepareKeys() async {
        // Takes 0.1 s, for which no other request should wait. A failure is that of the first request that needs the keys.
        guard let keys = try? OpenIDIssuer.newKeys() else { return }
        state.withLockedValue { $0.issuer.adopt(keys) }
    }

    /// The number of open connections.
    package var openConnections: Int { connections.count }

    private var scheme: String { settings.tls == nil ? "http" : "https" }
}

/// Listening.
extension AccountKitEmulator {
    private func makeTLSContext(_ files: EmulatorSettings.TLSFiles) throws -> NIOSSLContext {
        let certificate = EchoedText.path(files.certificate) ?? "the certificate file"
        let privateKey = EchoedText.path(files.privateKey) ?? "the private key file"
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(Self.read(files.certificate)), !chain.isEmpty else {
            throw EmulatorError(.badSettings, "\(certificate): can't be read as a PEM file of certificates")
        }
        guard let key = try? NIOSSLPrivateKey(bytes: Self.read(files.privateKey), format: .pem) else {
            throw EmulatorError(.badSettings, "\(privateKey): can't be read as a PEM file of a private key")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        // Clients may leave idle connections unread, and then send no close notification of their own.
        configuration.shutdownTimeout = TimeAmount(settings.limits.drain)
        configuration.applicationProtocols = ["h2", "http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw EmulatorError(.badSettings, "\(privateKey): is not the key of the certificate in \(certificate)")
        }
    }

    /// Reads a PEM file. A longer file than 1 MiB is cut, and then can't be parsed.
    private static func read(_ file: String) throws(FileAccessError) -> [UInt8] { try RegularFile.read(file, limit: 1 << 20) }

    /// Returns the address of the settings, if only this machine reaches it or the settings allow others.
    private func checkedAddress() throws -> SocketAddress {
        // Blocks this thread once. NIO's thread pool for look-ups is never freed and shows as a leak.
        guard let address = try? SocketAddress.makeAddressResolvingHost(settings.host, port: settings.port) else {
            throw EmulatorError(.badSettings, "the host has no address")
        }
        let ip = address.ipAddress ?? ""
        guard settings.allowsAnyAddress || ip.hasPrefix("127.") || ip == "::1" else {
            throw EmulatorError(
                .badSettings,
                "\(settings.host): other machines reach this address, and could log in as anybody, revoke tokens and "
                    + "make calls fail. To allow that, set allowsAnyAddress (--allow-any-address)"
            )
        }
        return address
    }

    private func bind(to address: SocketAddress, tls: NIOSSLContext?) async throws -> any Channel {
        let state = state
        let responder = Responder(
            scheme: scheme, logger: logger,
            respond: { request, shape in
                // A failure is that of the request, which then has no keys.
                let needsKeys = state.withLockedValue { $0.needsKeys(for: request) }
                let keys = needsKeys ? (try? OpenIDIssuer.newKeys()) ?? [] : []
                return state.withLockedValue { $0.respond(to: request, shape: shape, freshKeys: keys) }
            })
        let pipeline = ConnectionPipeline(
            tls: tls, limits: settings.limits, responder: responder,
            noteHTTP2: { state.withLockedValue { $0.statistics.connections.noteHTTP2() } })
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [connections] channel in
                guard connections.add(channel) else { return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
                state.withLockedValue { $0.statistics.connections.begin() }
                channel.closeFuture.whenComplete { _ in state.withLockedValue { $0.statistics.connections.end() } }
                return pipeline.build(on: channel)
            }
        do {
            return try await bootstrap.bind(to: address).get()
        } catch let error as IOError {
            let cause = FileAccessError(errno: error.errnoCode).cause
            throw EmulatorError(.badSettings, "\(cause): give another --host or --port; --port 0 takes a free port")
        }
    }
}
