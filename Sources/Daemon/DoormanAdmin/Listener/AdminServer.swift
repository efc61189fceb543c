internal import DoormanServer
package import DoormanSupport
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import ServiceLifecycle

/// The admin listener: metrics, health and status over HTTP/1.1, for people and programs that run the server.
///
/// It has an event loop of its own, so that a page that takes long to write delays no call. It answers until every service that was
/// started after it has ended, so that a draining server can be seen.
package final class AdminServer: Service {
    /// The maximum time that the last responses delay the end of the process.
    private static let quiescence = Duration.seconds(1)

    private let settings: AdminSettings
    private let pages: AdminPages
    private let logger: Logger
    private let log: RateLimitedLogger
    private let listeners = NIOLockedValueBox<[any Channel]>([])
    private let connections = ConnectionRegistry()
    private let waiting = WaitingConnections()
    private let spareDescriptors = SpareDescriptors()

    /// - Parameter settings: Settings with an address.
    package init(settings: AdminSettings, pages: AdminPages, time: TimeSource, logger: Logger) {
        self.settings = settings
        self.pages = pages
        self.logger = logger
        log = RateLimitedLogger(logger, now: time.now)
    }

    /// The addresses of the open listeners, with the ports that were chosen.
    package var addresses: [SocketAddress] { listeners.withLockedValue { $0.compactMap(\.localAddress) } }

    /// Listens and answers until graceful shutdown.
    ///
    /// - Throws: ``CannotListen`` if the address can't be bound.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await listen(on: group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        await cancelWhenGracefulShutdown { await self.pages.keepHistory() }
        await close()
        try await group.shutdownGracefully()
    }

    private func listen(on group: MultiThreadedEventLoopGroup) async throws {
        guard let tcp = settings.tcp else { return }
        do {
            let bound = try await tcp.bind { address, scope in
                guard settings.allowsNetwork || address.isLoopback else { throw AdminPagesFromNetwork() }
                return try await makeBootstrap(group).limited(to: scope, address).bind(to: address).get()
            }
            listeners.withLockedValue { $0 = bound }
            for listener in bound {
                logger.info("listening for the admin pages", metadata: ["address": "\(listener.localAddress?.text ?? tcp.host)"])
            }
        } catch {
            throw CannotListen(address: "\(tcp.host):\(tcp.port)", setting: "admin.address", cause: error)
        }
    }

    /// Closes the listeners, and each connection after the response that it is about to get.
    private func close() async {
        for listener in listeners.withLockedValue({ $0 }) { try? await listener.close() }
        for channel in connections.all { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        _ = await connections.waitUntilEmpty(timeout: Self.quiescence)
    }

    private func makeBootstrap(_ group: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { [log, spareDescriptors] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptFailureHandler(log: log, freeDescriptors: spareDescriptors.free))
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [self] channel in admit(channel) }
    }

    private func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard connections.add(channel, maximum: settings.maximumConnections) || makeRoom(for: channel) else {
            log.log(
                .warning, about: "too_many_connections", "closed a new connection to the admin pages: there are too many",
                ["maximum": "\(settings.maximumConnections)"])
            return channel.close()
        }
        let isOnSpareDescriptor = spareDescriptors.areFree
        channel.closeFuture.whenComplete { [connections, waiting, spareDescriptors] _ in
            connections.remove(channel)
            waiting.remove(channel)
            spareDescriptors.reserve()
        }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = AdminSettings.maximumHeadBytes
        limits.maxHeaderListSize = AdminSettings.maximumHeadBytes
        limits.maxHeaderFieldCount = AdminSettings.maximumHeaders
        let (pages, settings, waiting) = (pages, settings, waiting)
        return channel.eventLoop.makeCompletedFuture { [limits] in
            let connection = AdminConnectionHandler(pages, settings, waiting, endsAfterResponse: isOnSpareDescriptor)
            let decoder = HTTPRequestDecoder(
                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop, limitConfiguration: limits)
            let handlers: [any ChannelHandler] = [
                AdminReadHandler(connection),
                ByteToMessageHandler(decoder, maximumBufferSize: 2 * AdminSettings.maximumHeadBytes),
                HTTPResponseEncoder(), HTTPServerPipelineHandler(), connection,
            ]
            try channel.pipeline.syncOperations.addHandlers(handlers)
        }
    }
    /// Closes the connection that has waited longest for a request, so that idle connections can't keep probes out.
    ///
    /// - Returns: Whether the new connection has its room.
    private func makeRoom(for channel: any Channel) -> Bool {
        guard let longest = waiting.removeLongest() else { return false }
        log.log(
            .warning, about: "closed_waiting_connection",
            "closed the connection to the admin pages that waited longest for a request: there are too many",
            ["maximum": "\(settings.maximumConnections)"])
        connections.remove(longest)
        longest.close(promise: nil)
        return connections.add(channel, maximum: settings.maximumConnections)
    }
}
