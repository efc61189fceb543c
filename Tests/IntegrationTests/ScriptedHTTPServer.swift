import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP server whose responses a test decides.
struct ScriptedHTTPServer: Sendable {
    struct Request: Sendable {
        var path = ""
        var authorization = ""
        /// The headers by their names in lower case.
        var headers: [String: String] = [:]
        var body = ""
    }

    struct Response: Sendable {
        var status = 200
        var headers: [(String, String)] = []
        var body = ""

        static let html = Response(
            headers: [("Content-Type", "text/html")], body: "<html><body>Sign in to the network</body></html>")
    }

    /// Returns the response to a request; `nil` for none, ever.
    typealias Script = @Sendable (Request) -> Response?

    /// The URL without a path.
    let url: String

    /// Runs a server on a free loopback port for as long as `body` runs.
    static func run(_ script: @escaping Script, _ body: (ScriptedHTTPServer) async throws -> Void) async throws {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(ScriptedHTTPServer(url: "http://127.0.0.1:\(channel.localAddress?.port ?? 0)")))
        } catch {
            outcome = .failure(error)
        }
        try await channel.close()
        try outcome.get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let script: Script
        private var request = Request()

        init(_ script: @escaping Script) {
            self.script = script
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                request = Request(path: head.uri, authorization: head.headers.first(name: "Authorization") ?? "")
                for (name, value) in head.headers { request.headers[name.lowercased()] = value }
            case .body(let buffer): request.body += String(buffer: buffer)
            case .end:
                guard let response = script(request) else { return }
                var headers = HTTPHeaders(response.headers)
                headers.add(name: "Content-Length", value: "\(response.body.utf8.count)")
                let head = HTTPResponseHead(
                    version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: response.body)))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
