internal import NIOCore
internal import NIOHTTP1

/// Collects the one answer of a connection, and closes it.
final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let answer: EventLoopPromise<HTTPAnswer>
    private var status = 0
    private var body: [UInt8] = []

    /// - Parameter answer: Kept or broken in any case, by the end of the connection at the latest.
    init(answer: EventLoopPromise<HTTPAnswer>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let bytes):
            body += bytes.readableBytesView
            if body.count > HTTPAnswer.longestBody { fail(.noEmulator("its answer is too long for an emulator's"), context) }
        case .end:
            answer.succeed(HTTPAnswer(status: status, body: body))
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
