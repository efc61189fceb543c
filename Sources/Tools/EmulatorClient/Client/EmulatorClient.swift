internal import DoormanCore
internal import DoormanSupport
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Asks an account-kit-emulator to do what a person with a phone does: log in. One request, one connection.
package struct EmulatorClient: Sendable {
    private let address: EmulatorAddress

    package init(address: EmulatorAddress) {
        self.address = address
    }

    /// Logs an account in, which is made if there is none.
    ///
    /// - Parameter timeout: For all of it, connecting included.
    package func logIn(_ request: LogInRequest, timeout: Duration) async throws(EmulatorFailure) -> LoggedIn {
        let answer: EmulatorResponse
        do {
            answer = try await send(request.target, within: .nanoseconds(max(1, timeout.nanoseconds)))
        } catch let failure as EmulatorFailure {
            throw failure
        } catch ChannelError.connectTimeout {
            throw .timedOut
        } catch {
            throw .unreachable("nothing listens there")
        }
        return try LoggedIn(answer)
    }

    private func send(_ target: String, within limit: TimeAmount) async throws -> EmulatorResponse {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = eventLoop.makePromise(of: EmulatorResponse.self)
        let timer = eventLoop.scheduleTask(in: limit) { answer.fail(EmulatorFailure.timedOut) }
        defer { timer.cancel() }
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: eventLoop)
                .connectTimeout(limit)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(AnswerHandler(answer: answer))
                    }
                }
                .connect(to: try SocketAddress(ipAddress: address.host, port: address.port)).get()
        } catch {
            answer.fail(error)
            throw error
        }
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: target)
        head.headers = ["Host": "\(address.host):\(address.port)", "Content-Length": "0", "Connection": "close"]
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        let result = await answer.futureResult.result()
        // It may be closed already.
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

/// Collects the one answer of a connection, and closes it.
final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let answer: EventLoopPromise<EmulatorResponse>
    private var status = 0
    private var body: [UInt8] = []

    /// - Parameter answer: Kept or broken in any case, by the end of the connection at the latest.
    init(answer: EventLoopPromise<EmulatorResponse>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let bytes):
            body += bytes.readableBytesView
            if body.count > EmulatorResponse.longestBody { fail(.noEmulator("its answer is too long for an emulator's"), context) }
        case .end:
            answer.succeed(EmulatorResponse(status: status, body: body))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset is an end like any other; all else is the parser's.
        fail(.noEmulator(error is HTTPParserError ? "it does not speak HTTP" : Self.silent), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(EmulatorFailure.noEmulator(Self.silent))
    }

    private static let silent = "it closed the connection without an answer"

    private func fail(_ failure: EmulatorFailure, _ context: ChannelHandlerContext) {
        answer.fail(failure)
        context.close(promise: nil)
    }
}

/// A whole answer, as far as anybody looks at it.
struct EmulatorResponse: Sendable, Hashable {
    /// The longest body that is taken, in bytes. An emulator's answers are far shorter.
    static let longestBody = 64 << 10

    let status: Int
    let body: [UInt8]
}

/// Why nobody could be logged in.
package enum EmulatorFailure: Error, Sendable, Hashable {
    /// Nothing listens there, in words.
    case unreachable(String)
    case timedOut
    /// Something listens there that is no emulator, in words.
    case noEmulator(String)
    /// The emulator's own words for what is wrong with the request.
    case refused(String)
}
