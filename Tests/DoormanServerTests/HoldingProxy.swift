import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A TCP proxy that holds the client's bytes back until ``release()``.
final class HoldingProxy: Sendable {
    private let listener: any Channel
    private let gate: Gate

    var port: Int { listener.localAddress?.port ?? 0 }
    var heldBytes: Int { gate.state.withLockedValue { $0.held.reduce(0) { $0 + $1.readableBytes } } }

    private init(_ listener: any Channel, _ gate: Gate) {
        self.listener = listener
        self.gate = gate
    }

    /// Listens on a free port, and forwards one connection to the server's port.
    static func start(to port: Int) async throws -> HoldingProxy {
        let gate = Gate()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop).connect(host: "127.0.0.1", port: port).flatMap { server in
                    gate.state.withLockedValue { $0.server = server }
                    return server.pipeline.addHandler(Forwarder { client.writeAndFlush($0, promise: nil) })
                }.flatMap {
                    client.pipeline.addHandler(Forwarder { gate.pass($0) })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return HoldingProxy(listener, gate)
    }

    /// Forwards the held bytes, and later ones at once.
    func release() { gate.open() }

    func stop() async throws { try await listener.close() }

    private final class Gate: Sendable {
        struct State {
            var isOpen = false
            var held: [ByteBuffer] = []
            var server: (any Channel)?
        }

        let state = NIOLockedValueBox(State())

        func pass(_ bytes: ByteBuffer) {
            state.withLockedValue { state in
                if state.isOpen { state.server?.writeAndFlush(bytes, promise: nil) } else { state.held.append(bytes) }
            }
        }

        func open() {
            state.withLockedValue { state in
                state.isOpen = true
                for bytes in state.held { state.server?.writeAndFlush(bytes, promise: nil) }
                state.held = []
            }
        }
    }

    private final class Forwarder: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let forward: @Sendable (ByteBuffer) -> Void

        init(_ forward: @escaping @Sendable (ByteBuffer) -> Void) {
            self.forward = forward
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { forward(unwrapInboundIn(data)) }
    }
}
