import DoormanBench
import DoormanClient
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import Logging
import NIOCore
import NIOPosix
import TestKit

/// Runs a real server that has one token, `EMAWgood`, in its cache and rejects all others.
func withServer(_ body: (_ server: DoormanServer, _ address: DoormanTarget) async throws -> Void) async throws {
    var settings = ServerSettings()
    settings.tcp = .init(host: "127.0.0.1", port: 0)
    settings.connection.drainQuietPeriod = .milliseconds(20)
    let provider = ScriptedProvider()
    provider.verifications.answerAlways(.success(.rejected(Rejection(.tokenRejected, "unknown token"))))
    var cache = ScriptedBackend.Cache()
    cache.response = { $0 == Token("EMAWgood") ? EncodedResponse(bytes: SteppedLoad.identity) : nil }
    let backend = ScriptedBackend(provider: provider, cache: cache)
    let server = DoormanServer(
        settings: settings, backend: backend, group: MultiThreadedEventLoopGroup.singleton,
        logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    try await server.start()
    let outcome: Result<Void, any Error>
    do {
        outcome = .success(try await body(server, .hostAndPort("127.0.0.1", server.addresses.compactMap(\.port).first ?? 0)))
    } catch {
        outcome = .failure(error)
    }
    await server.stop()
    try outcome.get()
}

/// A peer that is not a Doorman server. It accepts connections and reacts to the first bytes in one way.
enum Impostor: Sendable, CaseIterable {
    case hangs
    case closes
    case speaksHTTP

    func run(_ body: (DoormanTarget) async throws -> Void) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(impostor: self)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(.hostAndPort("127.0.0.1", listener.localAddress?.port ?? 0)))
        } catch {
            outcome = .failure(error)
        }
        try await listener.close()
        try outcome.get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let impostor: Impostor

        init(impostor: Impostor) {
            self.impostor = impostor
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch impostor {
            case .hangs: return
            case .closes: context.close(promise: nil)
            case .speaksHTTP:
                context.writeAndFlush(NIOAny(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")), promise: nil)
            }
        }
    }
}
