import DoormanSupport
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

@testable import RedisStore

/// A server on a free port that does with each command what a script says. Commands that the script leaves out have the replies of a
/// session's opening.
final class ScriptedRedis: Sendable {
    enum Reaction: Sendable {
        case reply(String)
        case nothing
        case close
        /// Replies when ``release()`` is called.
        case hold(String)
    }

    typealias Script = @Sendable (_ command: [String]) -> Reaction?
    /// Sends a reply, and returns when it is sent.
    private typealias HeldReply = @Sendable () async throws -> Void

    private let channel: any Channel
    private let held: NIOLockedValueBox<[HeldReply]>

    init(_ script: @escaping Script) async throws {
        let held = NIOLockedValueBox<[HeldReply]>([])
        self.held = held
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(script, held))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    deinit {
        channel.close(promise: nil)
    }

    var address: HostAndPort { HostAndPort(host: "127.0.0.1", port: channel.localAddress?.port ?? 0) }

    /// The number of replies that are held.
    var heldCount: Int { held.withLockedValue { $0.count } }

    /// Sends the replies that are held, in their order. Returns when they are sent: otherwise a later reply could be sent before them.
    func release() async throws {
        let replies = held.withLockedValue { held in
            defer { held = [] }
            return held
        }
        for reply in replies { try await reply() }
    }

    /// Returns a store on this server, with timeouts that no test reaches unless it sets others.
    func store(_ change: (inout RedisStoreSettings) -> Void = { _ in }, password: String? = nil) -> RedisStore {
        .patient(address, credentials: RedisCredentials(password: password.map { Array($0.utf8) }), change)
    }

    static let hello = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"

    /// The reply to `INFO`.
    static func info(_ lines: [String] = []) -> String {
        let text = (["run_id:a", "role:master", "master_replid:b"] + lines).joined(separator: "\r\n") + "\r\n"
        return "=\(text.utf8.count + 4)\r\ntxt:\(text)\r\n"
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let script: Script
        private let held: NIOLockedValueBox<[HeldReply]>
        private var decoder = RESPDecoder()

        init(_ script: @escaping Script, _ held: NIOLockedValueBox<[HeldReply]>) {
            self.script = script
            self.held = held
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            decoder.append(unwrapInboundIn(data))
            let channel = context.channel
            while let value = try? decoder.next(), case .array(let arguments) = value {
                let command = arguments.map { argument in
                    if case .bulkString(let bytes) = argument { String(decoding: bytes, as: UTF8.self) } else { "" }
                }
                switch script(command) ?? opening(command) {
                case .reply(let text): channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
                case .nothing: break
                case .close: channel.close(promise: nil)
                case .hold(let text):
                    held.withLockedValue { $0.append { try await channel.writeAndFlush(ByteBuffer(string: text)) } }
                }
            }
        }

        private func opening(_ command: [String]) -> Reaction {
            switch command[0] {
            case "HELLO": .reply(ScriptedRedis.hello)
            case "MULTI": .reply("+OK\r\n")
            case "INFO": .reply(ScriptedRedis.info())
            case "EXEC": .reply("*0\r\n")
            default: .reply("+QUEUED\r\n")
            }
        }
    }
}

extension RedisStore {
    /// Creates a store with timeouts that no test reaches unless it sets others.
    static func patient(
        _ address: HostAndPort, credentials: RedisCredentials = RedisCredentials(),
        _ change: (inout RedisStoreSettings) -> Void = { _ in }
    ) -> RedisStore {
        var settings = RedisStoreSettings(addresses: [address], usesTLS: false)
        settings.connectTimeout = .seconds(30)
        settings.commandTimeout = .seconds(30)
        settings.logTimeout = .seconds(30)
        settings.silenceTimeout = .seconds(60)
        change(&settings)
        return RedisStore(settings, credentials: credentials, on: MultiThreadedEventLoopGroup.singleton.next())
    }
}
