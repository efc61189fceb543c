import DoormanCore
import DoormanServer
import DoormanSupport
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import TestKit
import Testing

@Suite("HTTP/1.1 over TLS")
struct HTTP1TLSTests {
    @Test("with ALPN and without, the same port serves HTTP/1.1", arguments: [["http/1.1"], ["other", "http/1.1"], ["other"], []])
    func alpn(protocols: [String]) async throws {
        let authority = try await TestAuthority()
        let leaf = try await authority.leaf()
        let material = TLSMaterial(
            certificateChain: try Self.contents(leaf.certificateFile), privateKey: try Self.contents(leaf.keyFile),
            clientAuthorities: nil, clientCertificates: .required)
        let tls = try ServerTLS(material, now: TimeSource.system.wallTime())
        try await withHTTPServer(tls: tls) { server, port in
            let body = #"{"token":"cached"}"#
            let requests =
                HTTP1ConnectionTests.hit + HTTP1ConnectionTests.post(body)
                + "GET /auth HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer miss\r\n\r\n"
            let text = try await Self.send(requests, to: port, trusting: authority, offering: protocols)
            #expect(text.components(separatedBy: "HTTP/1.1 200 OK\r\n").count == 4, "\(text)")
            #expect(text.contains("X-Doorman-Freshness: cached\r\n") && text.contains("X-Doorman-Freshness: fresh\r\n"))
            try await eventually("the connection ends") { await server.closed("finished") == 1 }
        }
    }

    private static func contents(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    /// Sends requests over TLS, and returns all that comes until the server ends the connection.
    private static func send(
        _ requests: String, to port: Int, trusting authority: TestAuthority, offering protocols: [String]
    ) async throws -> String {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority.certificateFile))
        configuration.applicationProtocols = protocols
        let context = try NIOSSLContext(configuration: configuration)
        let received = NIOLockedValueBox("")
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(context: context, serverHostname: "localhost")
                    try channel.pipeline.syncOperations.addHandlers(tls, TextCollector(received))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.writeAndFlush(ByteBuffer(string: requests))
        try await channel.closeFuture.get()
        return received.withLockedValue { $0 }
    }

    private final class TextCollector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let received: NIOLockedValueBox<String>

        init(_ received: NIOLockedValueBox<String>) {
            self.received = received
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            received.withLockedValue { $0 += String(buffer: bytes) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
