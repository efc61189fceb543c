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
        let answer: HTTPAnswer
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

    private func send(_ target: String, within limit: TimeAmount) async throws -> HTTPAnswer {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = eventLoop.makePromise(of: HTTPAnswer.self)
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
