internal import DoormanCore
internal import DoormanSupport
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// A client of account-kit-emulator that logs in as a person with a phone does. Each request has a connection of its own.
package struct EmulatorClient: Sendable {
    private let address: EmulatorAddress

    package init(address: EmulatorAddress) {
        self.address = address
    }

    /// Logs a person in. The emulator creates the account of a new person.
    ///
    /// - Parameter timeout: Maximum time for connecting, request and response together.
    package func logIn(_ request: LogInRequest, timeout: Duration) async throws(EmulatorFailure) -> LoggedIn {
        try LoggedIn(try await response(to: request.target, timeout: timeout))
    }

    /// Logs a person in at the emulator's OpenID issuer. The emulator creates the account of a new person.
    ///
    /// - Parameter timeout: Maximum time for connecting, request and response together.
    package func issueJWT(_ request: JWTRequest, timeout: Duration) async throws(EmulatorFailure) -> IssuedJWT {
        try IssuedJWT(try await response(to: request.target, timeout: timeout))
    }

    private func response(to target: String, timeout: Duration) async throws(EmulatorFailure) -> EmulatorResponse {
        do {
            return try await send(target, within: .nanoseconds(max(1, timeout.nanoseconds)))
        } catch let failure as EmulatorFailure {
            throw failure
        } catch ChannelError.connectTimeout {
            throw .timedOut
        } catch {
            throw .unreachable("nothing listens at this address")
        }
    }

    private func send(_ target: String, within limit: TimeAmount) async throws -> EmulatorResponse {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let response = eventLoop.makePromise(of: EmulatorResponse.self)
        let timer = eventLoop.scheduleTask(in: limit) { response.fail(EmulatorFailure.timedOut) }
        defer { timer.cancel() }
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: eventLoop)
                .connectTimeout(limit)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(ResponseHandler(response: response))
                    }
                }
                .connect(to: try SocketAddress(ipAddress: address.host, port: address.port)).get()
        } catch {
            response.fail(error)
            throw error
        }
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: target)
        head.headers = ["Host": "\(address.host):\(address.port)", "Content-Length": "0", "Connection": "close"]
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        let result = await response.futureResult.result()
        // The channel may be closed already.
        try? await channel.close()
        return try result.get()
    }
}

extension EventLoopFuture where Value: Sendable {
    fileprivate func result() async -> Result<Value, any Error> {
        do {
            return .success(try await get())
        } catch {
            return .failure(error)
        }
    }
}

/// Collects the response of a connection, then closes the connection.
final class ResponseHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let response: EventLoopPromise<EmulatorResponse>
    private var status = 0
    private var body: [UInt8] = []

    /// - Parameter response: Completed or failed in any case, by the end of the connection at the latest.
    init(response: EventLoopPromise<EmulatorResponse>) {
        self.response = response
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let bytes):
            body += bytes.readableBytesView
            if body.count > EmulatorResponse.maxBodyLength {
                fail(.noEmulator("its response is too long for an emulator"), context)
            }
        case .end:
            response.succeed(EmulatorResponse(status: status, body: body))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset counts as the end of the connection. All other errors come from the parser.
        fail(.noEmulator(error is HTTPParserError ? "it does not speak HTTP" : Self.silent), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        response.fail(EmulatorFailure.noEmulator(Self.silent))
    }

    private static let silent = "it closed the connection without a response"

    private func fail(_ failure: EmulatorFailure, _ context: ChannelHandlerContext) {
        response.fail(failure)
        context.close(promise: nil)
    }
}

/// The status and body of a response.
struct EmulatorResponse: Sendable, Hashable {
    /// Maximum length of a body in bytes. An emulator's responses are far shorter.
    static let maxBodyLength = 64 << 10

    let status: Int
    let body: [UInt8]
}

/// The error of a failed log-in.
package enum EmulatorFailure: Error, Sendable, Hashable {
    /// No connection could be opened, for the given cause.
    case unreachable(String)
    case timedOut
    /// The address belongs to another program than an emulator, for the given cause.
    case noEmulator(String)
    /// The emulator rejected the request with the given message.
    case refused(String)
}
