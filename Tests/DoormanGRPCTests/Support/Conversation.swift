import CallerLimits
import DoormanCore
import DoormanHTTP
import DoormanServer
import DoormanSupport
import DoormanWire
import Foundation
import NIOCore
import TestKit

@testable import DoormanGRPC

/// A server's connection and its client without a socket. Time stands still until the test advances it.
final class Conversation {
    let clock = SteppedClock()
    let provider = ScriptedProvider()
    let backend: ScriptedBackend
    let dispatcher: RequestDispatcher
    let settings: ServerSettings
    let client: HTTP2Client
    var connection: HTTP2Connection
    /// The directives that were not `keep`.
    private(set) var directives: [ConnectionDirective] = []
    private(set) var cancelled: [CallID] = []
    private var started: [StartedCall] = []
    private let caller: CallerContext
    /// The sizes of the writes before the end of a turn.
    private(set) var earlyWrites: [Int] = []
    private var early: [UInt8] = []

    init(
        policy: CallerPolicy = .standard, client: HTTP2Client = HTTP2Client(), _ change: (inout ConnectionLimits) -> Void = { _ in }
    ) {
        var settings = ServerSettings()
        // The handler would give permits back. It is not part of the test.
        settings.maximumWaitingCalls = 1 << 40
        change(&settings.connection)
        self.settings = settings
        self.client = client
        let someone = EncodedResponse(bytes: ResponseEncoder.encode(Identity.someone))
        var cache = ScriptedBackend.Cache()
        cache.response = { $0 == Token("cached") ? someone : nil }
        backend = ScriptedBackend(provider: provider, cache: cache, timeSource: clock.timeSource)
        dispatcher = RequestDispatcher(
            backend: backend, policy: policy, quotas: CallerQuotaRegistry(maximumCallers: 1),
            inFlight: InFlightCounter(maximum: 1 << 40), settings: settings)
        caller = dispatcher.context(for: Caller(name: "ip:127.0.0.1"))
        let state = ConnectionState(
            limits: settings.connection, counters: dispatcher.counters, callerName: "ip:127.0.0.1", now: clock.now)
        connection = HTTP2Connection(state, HTTPRouter(ReloadableHTTPConfiguration()), isOnLoopback: true)
    }

    // MARK: - The server

    /// Handles bytes of the client as the handler of a connection does.
    ///
    /// - Returns: The server's output.
    @discardableResult
    func receive(_ bytes: [UInt8]) -> [UInt8] {
        connection.checkLifetime(now: clock.now)
        connection.receive(ByteBuffer(bytes: bytes))
        var output: [UInt8] = []
        var end = TurnEnd.framesWait
        while end == .framesWait {
            end = takeTurn()
            output += takeOutput()
        }
        return output
    }

    private func takeTurn() -> TurnEnd {
        let isDraining = connection.isDraining
        var context = RequestContext(caller: caller, now: clock.now, isDraining: isDraining, refusesCalls: false)
        context.caller.beginTurn(now: clock.now)
        let limit = TurnLimit(outputBytes: settings.connection.writeBufferHighWaterMark)
        let end = connection.takeTurn(dispatcher, in: &context, limit: limit) { output in
            earlyWrites.append(output.readableBytes)
            early += output.readBytes(length: output.readableBytes) ?? []
            return true
        }
        var directive = connection.endTurn(now: clock.now)
        if context.forbiddenCalls > 0, directive == .keep { directive = connection.note(forbiddenCalls: context.forbiddenCalls) }
        cancelled += connection.takeCancelled()
        started += connection.takeStarted()
        note(directive)
        return end
    }

    private func note(_ directive: ConnectionDirective) {
        if directive != .keep { directives.append(directive) }
    }

    func takeOutput() -> [UInt8] {
        defer { early = [] }
        return early + (connection.takeOutput().map { Array($0.readableBytesView) } ?? [])
    }

    /// Takes the calls that were started.
    func takeStarted() -> [StartedCall] {
        defer { started = [] }
        return started
    }

    /// Answers a call, and hands the output to the client.
    func answer(_ call: StartedCall, with data: [UInt8] = ResponseEncoder.encode(Identity.someone)) {
        note(connection.answer(call.id, with: EncodedResponse(bytes: data), now: clock.now))
        exchange()
    }

    /// Advances the clock, and fires the connection's timer.
    ///
    /// - Returns: The calls that expired.
    @discardableResult
    func pass(_ time: Duration) -> [CallID] {
        clock.advance(by: time)
        let (expired, directive) = connection.timePassed(now: clock.now)
        note(directive)
        exchange()
        return expired
    }

    // MARK: - Both sides

    /// Exchanges bytes until neither side has any.
    func exchange() {
        while true {
            let sent = client.output()
            let answered = sent.isEmpty ? takeOutput() : receive(sent)
            client.receive(answered)
            if sent.isEmpty && answered.isEmpty { return }
        }
    }

    /// Sends a request and returns its response, which may be incomplete.
    @discardableResult
    func call(_ headers: [(String, String)] = GRPCRequest.headers(), body: [UInt8]? = GRPCRequest.verify("cached")) -> GRPCResponse
    {
        let id = client.request(headers, body: body)
        exchange()
        return response(id)
    }

    func response(_ id: Int32) -> GRPCResponse {
        GRPCResponse(client.responses[id] ?? HTTP2Client.Response())
    }
}

extension Identity {
    static let someone = Identity(
        accountID: "1011166682335378", applicationID: "5432154321543210",
        phone: PhoneNumber(number: "+15551234567", countryPrefix: "1", nationalNumber: "5551234567"), provider: "account-kit",
        verifiedAt: Timestamp(millisecondsSince1970: 1_500_000_000_000)
    )
    .valid(until: Timestamp(millisecondsSince1970: 1_500_000_060_000), freshness: .cached)
}
