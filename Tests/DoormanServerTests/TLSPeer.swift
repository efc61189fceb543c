import DoormanServer
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import TestKit

/// A TLS client on NIOSSL that shares no code with the server.
final class TLSPeer: Sendable {
    private struct Received {
        var bytes: [UInt8] = []
        var hasEnded = false
        var error: (any Error)?
    }

    private let channel: any Channel
    private let received: NIOLockedValueBox<Received>
    private let records: NIOLockedValueBox<[Int]>
    let version: TLSVersion?

    private init(
        _ channel: any Channel, _ received: NIOLockedValueBox<Received>, _ records: NIOLockedValueBox<[Int]>, _ version: TLSVersion?
    ) {
        self.channel = channel
        self.received = received
        self.records = records
        self.version = version
    }

    deinit {
        channel.close(promise: nil)
    }

    /// Connects and performs the handshake. With TLS 1.3 the client finishes first, and a rejection of its certificate arrives
    /// later.
    ///
    /// - Parameters:
    ///   - authority: The authority that must have issued the server's certificate.
    ///   - leaf: The client's certificate; `nil` for none.
    static func connect(
        port: Int, trusting authority: TestAuthority, as leaf: TestAuthority.Leaf? = nil, maximumVersion: TLSVersion? = nil
    ) async throws -> TLSPeer {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority.certificateFile))
        configuration.maximumTLSVersion = maximumVersion
        configuration.shutdownTimeout = .milliseconds(100)
        if let leaf {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(leaf.certificateFile).map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: leaf.keyFile, format: .pem))
        }
        let context = try NIOSSLContext(configuration: configuration)
        let (received, records) = (NIOLockedValueBox(Received()), NIOLockedValueBox<[Int]>([]))
        let done = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(context: context, serverHostname: "localhost")
                    try channel.pipeline.syncOperations.addHandlers(RecordReader(records), tls, Collector(received, done))
                }
            }
        do {
            let channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
            try await done.futureResult.get()
            let version = try await channel.nioSSL_tlsVersion().get()
            return TLSPeer(channel, received, records, version)
        } catch {
            done.fail(error)
            throw error
        }
    }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    /// Reads a frame.
    func readFrame() async throws -> RawFrame {
        let header = try await read(10)
        return RawFrame(
            streamID: header[4..<8].reduce(0) { $0 << 8 | UInt32($1) }, type: header[8], flags: header[9],
            data: try await read(header[0..<4].reduce(0) { $0 << 8 | Int($1) }))
    }

    /// Reads until the server ends the connection, with `close_notify` or without.
    func readUntilEnd() async throws -> [UInt8] {
        try await eventually("the connection ends") { received.withLockedValue { $0.hasEnded } }
        return received.withLockedValue { $0.bytes }
    }

    /// Takes the lengths of the encrypted records that have arrived since the last call.
    func takeRecordLengths() -> [Int] {
        records.withLockedValue { records in
            defer { records = [] }
            return records
        }
    }

    /// The first error of the connection.
    var error: (any Error)? { received.withLockedValue { $0.error } }

    /// Ends the output with `close_notify` and FIN.
    func halfClose() async throws {
        try await channel.close(mode: .output)
    }

    func close() async {
        try? await channel.close()
    }

    private func read(_ count: Int) async throws -> [UInt8] {
        var bytes: [UInt8]?
        try await eventually("\(count) bytes come") {
            bytes = try received.withLockedValue { received in
                if received.bytes.count < count, received.hasEnded {
                    throw received.error ?? RawPeer.Failure.ended(after: received.bytes.count)
                }
                guard received.bytes.count >= count else { return nil }
                defer { received.bytes.removeFirst(count) }
                return Array(received.bytes.prefix(count))
            }
            return bytes != nil
        }
        return bytes ?? []
    }

    /// Reads the headers of the records before they are decrypted.
    private final class RecordReader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer

        private static let applicationData: UInt8 = 23
        private let records: NIOLockedValueBox<[Int]>
        private var bytes = ByteBuffer()

        init(_ records: NIOLockedValueBox<[Int]>) {
            self.records = records
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bytes.writeImmutableBuffer(unwrapInboundIn(data))
            while let length = bytes.getInteger(at: bytes.readerIndex + 3, as: UInt16.self),
                let record = bytes.readSlice(length: 5 + Int(length))
            {
                guard record.getInteger(at: record.readerIndex) == Self.applicationData else { continue }
                records.withLockedValue { $0.append(Int(length)) }
            }
            context.fireChannelRead(data)
        }
    }

    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let received: NIOLockedValueBox<Received>
        private let done: EventLoopPromise<Void>

        init(_ received: NIOLockedValueBox<Received>, _ done: EventLoopPromise<Void>) {
            self.received = received
            self.done = done
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            received.withLockedValue { $0.bytes += buffer.readableBytesView }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed = event { received.withLockedValue { $0.hasEnded = true } }
            if "\(event)".hasPrefix("handshakeCompleted") { done.succeed() }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            received.withLockedValue { $0.error = $0.error ?? error }
            done.fail(error)
        }

        func channelInactive(context: ChannelHandlerContext) {
            received.withLockedValue { $0.hasEnded = true }
            done.fail(RawPeer.Failure.ended(after: 0))
        }
    }
}
