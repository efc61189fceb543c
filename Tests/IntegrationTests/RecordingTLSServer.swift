import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import TestKit

/// A TLS server that keeps what it decrypts, and never responds.
struct RecordingTLSServer: Sendable {
    struct Record: Sendable {
        var connections = 0
        /// Connections that have ended.
        var ended = 0
        var decrypted: [UInt8] = []
    }

    let port: Int
    private let record: NIOLockedValueBox<Record>

    var current: Record { record.withLockedValue { $0 } }

    /// Runs the server on a free loopback port for as long as `body` runs.
    static func run(_ leaf: TestAuthority.Leaf, _ body: (RecordingTLSServer) async throws -> Void) async throws {
        let configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(leaf.certificateFile).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: leaf.keyFile, format: .pem)))
        let context = try NIOSSLContext(configuration: configuration)
        let record = NIOLockedValueBox(Record())
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                record.withLockedValue { $0.connections += 1 }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(NIOSSLServerHandler(context: context), Recorder(record))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(RecordingTLSServer(port: channel.localAddress?.port ?? 0, record: record)))
        } catch {
            outcome = .failure(error)
        }
        try await channel.close()
        try outcome.get()
    }

    private final class Recorder: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let record: NIOLockedValueBox<Record>

        init(_ record: NIOLockedValueBox<Record>) {
            self.record = record
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            record.withLockedValue { $0.decrypted += buffer.readableBytesView }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            record.withLockedValue { $0.ended += 1 }
        }
    }
}
