package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import NIOPosix
internal import NIOSSL

/// A stand-in for Account Kit on this machine: its six calls over HTTP or HTTPS (by HTTP/2 where the client can), log-ins without a phone, and faults on demand.
package final class AccountKitEmulator: Sendable {
    private enum State {
        case new
        case starting
        case running(any Channel)
        case stopped
    }

    package let settings: EmulatorSettings
    private let group: any EventLoopGroup
    private let logger: Logger
    let emulation: NIOLockedValueBox<Emulation>
    private let connections: Connections
    private let state = NIOLockedValueBox<State>(.new)

    /// - Parameter group: The loops to run on; they stay their owner's to shut down.
    /// - Throws: ``EmulatorError`` if the settings name no app, or an id or token twice.
    package init(
        settings: EmulatorSettings = EmulatorSettings(port: 0), group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger = Logger(label: "account-kit-emulator")
    ) throws(EmulatorError) {
        self.settings = settings
        self.group = group
        self.logger = logger
        emulation = NIOLockedValueBox(try Emulation(settings: settings))
        connections = Connections(limit: settings.limits.connections)
    }

    /// Begins to listen. To be called once.
    ///
    /// - Returns: The address, with the port that was chosen.
    /// - Throws: ``EmulatorError`` for an address that other machines reach, where that is not allowed; NIO's errors where the
    ///   address is in use, or certificate and key can't be loaded.
    @discardableResult
    package func start() async throws -> SocketAddress {
        let isFirst = state.withLockedValue { state in
            guard case .new = state else { return false }
            state = .starting
            return true
        }
        guard isFirst else { throw EmulatorError(.badSettings, "an emulator can be started once only") }
        do {
            let tls = try settings.tls.map(makeTLSContext)
            let address = try checkedAddress()
            let listener = try await bind(to: address, tls: tls)
            state.withLockedValue { $0 = .running(listener) }
            return try listener.localAddress ?? SocketAddress(ipAddress: "127.0.0.1", port: settings.port)
        } catch {
            state.withLockedValue { $0 = .stopped }
            throw error
        }
    }

    /// Stops listening, lets the answers that are on their way finish, and closes every connection. Does nothing if not running.
    package func stop() async throws {
        let listener: (any Channel)? = state.withLockedValue { state in
            guard case .running(let channel) = state else { return nil }
            state = .stopped
            return channel
        }
        guard let listener else { return }
        try await listener.close()
        await connections.close(grace: settings.limits.drain, on: group.next())
    }

    /// The port that it listens on; 0 if it does not.
    package var port: Int {
        state.withLockedValue { state in
            guard case .running(let channel) = state else { return 0 }
            return channel.localAddress?.port ?? 0
        }
    }

    /// Where to send calls: scheme, host and port; no path.
    package var baseURL: String {
        let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
        return "\(scheme)://\(host):\(port)"
    }

    /// The connections that are open now.
    package var openConnections: Int { connections.count }

    private var scheme: String { settings.tls == nil ? "http" : "https" }
}

/// Listening.
extension AccountKitEmulator {
    private func makeTLSContext(_ files: EmulatorSettings.TLSFiles) throws -> NIOSSLContext {
        guard let chain = try? NIOSSLCertificate.fromPEMFile(files.certificate), !chain.isEmpty else {
            throw EmulatorError(.badSettings, "\(files.certificate): can't be read as a PEM file of certificates")
        }
        guard let key = try? NIOSSLPrivateKey(file: files.privateKey, format: .pem) else {
            throw EmulatorError(.badSettings, "\(files.privateKey): can't be read as a PEM file of a private key")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        // A client that does not say good-bye is not waited for: it may not look at a connection that it has no use for just now.
        configuration.shutdownTimeout = TimeAmount(settings.limits.drain)
        configuration.applicationProtocols = ["h2", "http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    /// The address of the settings, if it is one that only this machine reaches or others are allowed.
    private func checkedAddress() throws -> SocketAddress {
        // A name is looked up on this thread, once, as NIO's own `bind(host:port:)` does: its pool of threads for such things is never
        // freed, and shows as a leak.
        let address = try SocketAddress.makeAddressResolvingHost(settings.host, port: settings.port)
        let ip = address.ipAddress ?? ""
        guard settings.allowsAnyAddress || ip.hasPrefix("127.") || ip == "::1" else {
            throw EmulatorError(
                .badSettings,
                "\(settings.host) is an address that other machines reach, and whoever reaches the emulator may log in as anybody, "
                    + "revoke any account's tokens and make calls fail: set allowsAnyAddress (--allow-any-address) if that is meant"
            )
        }
        return address
    }

    private func bind(to address: SocketAddress, tls: NIOSSLContext?) async throws -> any Channel {
        let emulation = emulation
        let responder = Responder(
            scheme: scheme, logger: logger,
            respond: { call, form in emulation.withLockedValue { $0.respond(to: call, form: form) } })
        let pipeline = ConnectionPipeline(
            tls: tls, limits: settings.limits, responder: responder,
            noteHTTP2: { emulation.withLockedValue { $0.statistics.connections.noteHTTP2() } })
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [connections] channel in
                guard connections.add(channel) else { return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
                emulation.withLockedValue { $0.statistics.connections.begin() }
                channel.closeFuture.whenComplete { _ in emulation.withLockedValue { $0.statistics.connections.end() } }
                return pipeline.build(on: channel)
            }
            .bind(to: address).get()
    }
}
