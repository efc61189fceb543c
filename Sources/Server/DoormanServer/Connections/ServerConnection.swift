internal import DoormanCore
package import DoormanSupport
package import DoormanWire
package import NIOCore

/// A connection without its socket. It takes what the peer sends and the time. It returns bytes to write, calls to start and a directive
/// for its handler. ``ConnectionHandler`` performs them; tests, fuzzers and simulations drive the same types without a socket.
///
/// A turn, after ``receive(_:)-(Inbound)`` has taken what arrived:
///
///     connection.checkLifetime(now: now)
///     let end = connection.takeTurn(dispatcher, in: &context, limit: limit, flushEarly: write)
///     let directive = connection.endTurn(now: now)
///
/// Unexpected events fall into three groups:
///
/// - A bug of this server is a `precondition` failure.
/// - A fault of the peer gets a failure response if the contract has one, and otherwise ends the connection.
/// - A harmless race, such as a result for a call whose deadline has passed, is ignored.
///
/// Each protocol has one such type. All of them keep what they have in common in a ``ConnectionState``.
package protocol ServerConnection: SendableMetatype {
    /// What the channel brings: bytes, or the parts of an HTTP/1.1 request.
    associatedtype Inbound: Sendable
    /// The protocol that the connection speaks; `nil` until it is known.
    static var wireProtocol: ServerProtocol? { get }
    /// Whether the channel brings a request in several parts, so that a turn is taken at the end of a read only.
    static var takesTurnsAfterReads: Bool { get }

    /// Whether new calls get `DRAINING` while the connection drains. Otherwise the protocol tells the peer to send none.
    static var refusesCallsWhileDraining: Bool { get }

    /// The phase, the waits and the calls in flight.
    var state: ConnectionState { get set }

    /// Takes what has arrived. The next turn handles it.
    mutating func receive(_ inbound: Inbound)

    /// Takes an error of the channel's decoder, which the next turn handles.
    ///
    /// - Returns: `false` for an error of the channel itself, which closes the connection.
    mutating func receive(_ error: any Error) -> Bool

    /// Handles the requests that have arrived, within the limit.
    ///
    /// - Parameters:
    ///   - dispatcher: Decides about the requests.
    ///   - write: Writes output while requests wait. Consumes as much as it can, and returns whether it consumed everything.
    mutating func takeTurn(
        _ dispatcher: RequestDispatcher, in context: inout RequestContext, limit: TurnLimit,
        flushEarly write: (inout ByteBuffer) -> Bool
    ) -> TurnEnd

    /// Notes the end of a turn.
    ///
    /// - Returns: The directive for the handler, after a violation or the last response.
    mutating func endTurn(now: Instant) -> ConnectionDirective

    /// Answers a started call. Ignored if the call's deadline has passed, even if a newer call uses its stream id.
    mutating func answer(_ call: CallID, with response: EncodedResponse, now: Instant) -> ConnectionDirective

    /// Answers calls whose deadline has passed, and checks the connection's timeouts.
    ///
    /// - Returns: The calls whose work must be cancelled, and the directive for the handler.
    mutating func timePassed(now: Instant) -> (expired: [CallID], directive: ConnectionDirective)

    /// Notes that the peer sends nothing more.
    mutating func endInput() -> ConnectionDirective

    /// Notes forbidden calls of a caller without any permission.
    mutating func note(forbiddenCalls: Int) -> ConnectionDirective

    /// Notes that the peer reads again.
    mutating func unblockOutput(now: Instant)

    /// Begins draining: finishes the calls in flight and starts no new ones.
    mutating func drain(_ cause: DrainCause, now: Instant)

    /// Drains if the connection's lifetime has ended. Called before each turn: after a suspension of the machine, the timer is late.
    mutating func checkLifetime(now: Instant)

    /// The next time to call ``timePassed(now:)``.
    var nextTimer: Instant { mutating get }

    /// Takes the calls whose work must be cancelled, because the peer gave them up.
    mutating func takeCancelled() -> [CallID]

    /// Takes the bytes to write; `nil` if there are none.
    mutating func takeOutput() -> ByteBuffer?

    /// Takes the event loop's buffer for the next output, unless the connection has one. See ``ConnectionOutput``.
    mutating func lendBuffer(_ buffer: inout ByteBuffer)

    /// Returns the buffer, if the connection has one and all its bytes are written.
    mutating func takeUnusedBuffer() -> ByteBuffer?
}

/// Identifies a call of a connection. A stream id does not: the client may reuse it after a response, while the work for the earlier
/// call still runs.
package struct CallID: Sendable, Hashable, Comparable {
    package let streamID: StreamID
    let number: UInt64

    package static func < (lhs: CallID, rhs: CallID) -> Bool { lhs.number < rhs.number }
}

/// A started call, which ``ServerConnection/answer(_:with:now:)`` completes.
package struct StartedCall {
    package let id: CallID
    package let call: AsynchronousCall
    let origin: CallOrigin
    package let deadline: Deadline
    /// The time of the turn that read the request.
    package let began: Instant
}

/// The next act of a connection's handler, after it has written the output.
package enum ConnectionDirective: Sendable, Hashable {
    /// Go on serving the connection.
    case keep
    /// Send FIN, and read until the peer closes.
    case halfClose
    case close(ConnectionClosing)
    /// Take a turn: a request that waited for the last answer can be handled now.
    case takeTurn
    /// Hand the connection over to this protocol, with the bytes that have arrived.
    case serve(ServerProtocol, ByteBuffer)
}

/// The state of the received requests at the end of a turn.
package enum TurnEnd: Sendable, Hashable {
    /// All whole requests are handled.
    case finished
    /// Requests may be left for the next turn.
    case framesWait
    /// Requests may be left, and wait for the answer to the call in flight. Nothing is read until then.
    case answerAwaited
}

/// The cost of a request to its turn.
package enum RequestCost: Sendable, Hashable {
    /// That of a cache hit, or less.
    case hit
    /// That of a failure, of a health check or of the start of a call.
    case other
}

/// The bounds of a turn: the requests that a connection handles before the other connections of its event loop get theirs.
package struct TurnLimit: Sendable {
    /// The cost of a turn's requests. Without a bound, 64 KiB of malformed requests held an event loop for 6 ms.
    private static let maximumCost = 512
    /// The cost of ``RequestCost/other``, where that of a cache hit is 1.
    private static let costOfOther = 8

    /// The response bytes that may wait for the peer. The turn exceeds it by one response at most.
    package let outputBytes: Int
    private var cost = 0

    package init(outputBytes: Int) {
        self.outputBytes = outputBytes
    }

    @inline(__always)
    package var allowsRequest: Bool { cost < Self.maximumCost }

    @inline(__always)
    package mutating func count(_ request: RequestCost) { cost += request == .hit ? 1 : Self.costOfOther }
}

extension ServerConnection {
    package static var takesTurnsAfterReads: Bool { false }
    package static var refusesCallsWhileDraining: Bool { true }
    package mutating func receive(_ error: any Error) -> Bool { false }
    // Mutating, here and below: a nonmutating getter would copy the whole connection on each read.
    package var hasStarted: Bool { mutating get { state.hasStarted } }
    package var callsInFlight: Int { state.callsInFlight }
    package var isDraining: Bool { mutating get { state.isDraining } }
    package var nextTimer: Instant { mutating get { state.nextTimer } }
    package mutating func takeStarted() -> [StartedCall] { state.takeStarted() }
    package mutating func takeCancelled() -> [CallID] { [] }
    package mutating func checkLifetime(now: Instant) { state.checkLifetime(now: now) }
    package mutating func drain(_ cause: DrainCause = .shutdown, now: Instant) { state.drain(cause, now: now) }
    package mutating func endHalfClosed() -> ConnectionClosing? { state.endHalfClosed() }
    package mutating func blockOutput(now: Instant) { state.blockOutput(now: now) }
    package mutating func noteProgress(now: Instant) { state.noteProgress(now: now) }
}
