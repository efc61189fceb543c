import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A TCP proxy before a store, which can be cut. Then it drops all bytes and resets nothing, as a network does that loses packets.
final class StoreProxy: Sendable {
    private struct State {
        var isCut = false
        /// The number of cuts. A connection that lived during a cut has lost bytes, so it stays mute.
        var cuts = 0
    }

    private let listener: any Channel
    private let state: NIOLockedValueBox<State>

    var port: Int { listener.localAddress?.port ?? 0 }

    private init(_ listener: any Channel, _ state: NIOLockedValueBox<State>) {
        self.listener = listener
        self.state = state
    }

    /// Listens on a free port, and forwards connections to the server's port.
    static func start(to port: Int) async throws -> StoreProxy {
        let state = NIOLockedValueBox(State())
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { client in
                let cuts = state.withLockedValue { $0.isCut ? -1 : $0.cuts }
                let passes = { @Sendable () -> Bool in state.withLockedValue { !$0.isCut && $0.cuts == cuts } }
                return ClientBootstrap(group: client.eventLoop).connect(host: "127.0.0.1", port: port).flatMap { server in
                    server.pipeline.addHandler(Forwarder(to: client, passes))
                        .flatMap { client.pipeline.addHandler(Forwarder(to: server, passes)) }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return StoreProxy(listener, state)
    }

    func cut() {
        state.withLockedValue { state in
            state.isCut = true
            state.cuts += 1
        }
    }

    /// Forwards the connections that are opened from now on.
    func restore() { state.withLockedValue { $0.isCut = false } }

    func stop() async throws { try await listener.close() }

    private final class Forwarder: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let peer: any Channel
        private let passes: @Sendable () -> Bool

        init(to peer: any Channel, _ passes: @escaping @Sendable () -> Bool) {
            self.peer = peer
            self.passes = passes
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if passes() { peer.writeAndFlush(unwrapInboundIn(data), promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            if passes() { peer.close(promise: nil) }
        }
    }
}
