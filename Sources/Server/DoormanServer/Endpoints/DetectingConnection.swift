internal import DoormanSupport
internal import NIOCore

/// A connection whose protocol is not known yet. It keeps the first bytes until they tell the protocol.
struct DetectingConnection: ServerConnection {
    static var wireProtocol: ServerProtocol? { nil }

    var state: ConnectionState
    private var bytes = ByteBuffer()

    init(_ state: ConnectionState) {
        self.state = state
    }

    mutating func receive(_ inbound: ByteBuffer) {
        guard state.isReading else { return }
        var inbound = inbound
        bytes.writeBuffer(&inbound)
    }

    mutating func takeTurn(
        _ dispatcher: RequestDispatcher, in context: inout RequestContext, limit: TurnLimit,
        flushEarly write: (inout ByteBuffer) -> Bool
    ) -> TurnEnd { .finished }

    mutating func endTurn(now: Instant) -> ConnectionDirective {
        guard state.isReading else { return .keep }
        switch ServerProtocol.detect(bytes.readableBytesView) {
        case .undecided:
            state.endTurn(isMidRequest: bytes.readableBytes > 0, hasEndedRequest: false, now: now)
            return .keep
        case .detected(let detected): return .serve(detected, bytes)
        case .unknown: return state.close(.unknownProtocol(firstByte: bytes.readableBytesView.first ?? 0))
        }
    }

    mutating func answer(_ call: CallID, with response: EncodedResponse, now: Instant) -> ConnectionDirective { .keep }

    mutating func timePassed(now: Instant) -> (expired: [CallID], directive: ConnectionDirective) {
        ([], state.timePassed(now: now).directive)
    }

    mutating func endInput() -> ConnectionDirective { state.endInput() }

    mutating func note(forbiddenCalls: Int) -> ConnectionDirective { .keep }

    mutating func unblockOutput(now: Instant) { state.unblockOutput(isMidRequest: bytes.readableBytes > 0, now: now) }

    mutating func takeOutput() -> ByteBuffer? { nil }

    mutating func lendBuffer(_ buffer: inout ByteBuffer) {}

    mutating func takeUnusedBuffer() -> ByteBuffer? { nil }
}
