import AccountKitEmulator
import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import TestKit
import Testing

@testable import DoormanDaemon

/// Causes each failure of the contract and compares the response with the contract's table. A new row does not compile until this
/// test can cause it.
@Suite("Every row of the failure contract")
struct EveryRowTests {
    /// All rows but `INTERNAL`, which only bugs of ours cause.
    static let rows = Failure.allCases.filter { $0 != .internal }

    @Test(
        "reaches the client as the table says",
        arguments: rows)
    func row(failure: Failure) async throws {
        let trial = Trial(failure)
        try await Stack.run(settings: trial.settings, time: trial.time) { stack in
            let peer = try RawPeer.connect(port: stack.port)
            try await trial.prepare(stack, peer)
            let request = try trial.request(stack)
            if failure == .wrongProvider {
                // Only a valid entry shows that a token belongs to another provider.
                try await peer.send(request(Trial.warmUp))
                #expect(try await self.status(Trial.warmUp, from: peer) == nil)
            }
            try await peer.send(request(101))
            let status = try #require(try await self.status(101, from: peer))
            #expect(status.code == failure.row.code)
            #expect(status.reason == failure.row.reason)
            #expect(status.failure == failure)
            #expect((status.retryAfter != nil) == (failure.row.retry == .later))
            #expect(!status.message.isEmpty)
            guard failure.isAboutToken, failure != .malformedToken else { return }
            // The provider works again; the next provider request shows whether the verdict was cached.
            stack.emulator.clearFaults()
            stack.emulator.resetStatistics()
            try await peer.send(request(103))
            _ = try await self.status(103, from: peer)
            #expect((stack.providerRequests == 0) == failure.row.isCached)
        }
    }

    /// - Returns: The status; `nil` for a success.
    private func status(_ streamID: UInt32, from peer: RawPeer) async throws -> ResponseDecoder.Status? {
        while true {
            let frame = try await peer.readFrame()
            guard frame.streamID == streamID else { continue }
            guard case .failure(let status) = ResponseDecoder.identity(frame.data.span, in: MessageArena()) else { return nil }
            return status
        }
    }
}

/// The way to cause a row.
struct Trial: Sendable {
    typealias Request = (_ streamID: UInt32) throws -> [UInt8]

    let failure: Failure

    init(_ failure: Failure) {
        self.failure = failure
    }

    func settings(_ settings: inout DoormandSettings) {
        // No slow machine is another failure, and a call that hangs outlasts the call that fails because of it.
        settings.transport.requestTimeout = .seconds(20)
        settings.cache.lookupTimeout = .seconds(20)
        settings.server.connection.defaultCallTimeout = .seconds(20)
        switch failure {
        case .providerMisconfigured: settings.accountKit.appSecretFile = ""
        case .wrongProvider:
            // The test fails without the second provider.
            try? settings.addProvider(named: "another")
        case .storeUnavailable:
            // The test fails with a fleet whose store can be reached, or without one.
            try? settings.loseStore()
        case .tooManyCalls: settings.server.connection.maximumCallsInFlight = 1
        case .tooManyMisses:
            // A limit of the settings would not hold for a sole caller.
            settings.server.policy = .limiting { $0.misses = RateLimit(perSecond: 1, burst: 1) }
        case .tooManyCallsPerSecond:
            settings.server.policy = .limiting { $0.calls = RateLimit(perSecond: 1, burst: 1) }
        case .tooManyCallsOfCaller:
            settings.server.policy = .limiting { $0.callsInFlight = 1 }
        case .tooManyCallsAtServer:
            settings.server.maximumWaitingCalls = 1
            settings.server.callsInFlightPerCaller = 1
        case .tooManyDenials: settings.cache.maximumDenials = 1
        case .draining: settings.server.drainTimeout = .seconds(20)
        default: break
        }
    }

    /// A clock that stands still, if a permit would come back before the call on a slow machine; `nil` for the machine's clock.
    var time: TimeSource? {
        switch failure {
        case .tooManyMisses, .tooManyCallsPerSecond: SteppedClock().timeSource
        default: nil
        }
    }

    func prepare(_ stack: Stack, _ peer: RawPeer) async throws {
        switch failure {
        case .wrongApplication: stack.emulator.setFault(.applicationForeign, for: .me)
        // Without a response: an odd response about a token is remembered for a second.
        case .providerUnavailable: stack.emulator.setFault(.reset, for: .me)
        case .providerBusy: stack.emulator.setFault(.tooManyRequests(retryAfterSeconds: 1), for: .me)
        case .deadlineExceeded: stack.emulator.setFault(.hang, for: .me)
        case .tooManyCalls, .tooManyCallsOfCaller, .tooManyCallsAtServer:
            stack.emulator.setFault(.hang, for: .me)
            try await peer.send(Self.verify("EMAWsomething", 1))
            try await eventually("a provider request") { stack.providerRequests == 1 }
        case .tooManyMisses, .tooManyCallsPerSecond:
            try await peer.send(Self.verify("EMAWsomething", 1))
            _ = try await peer.readFrame()
        case .tooManyDenials:
            try await peer.send(Self.revoke(try stack.emulator.logIn(phone: "+15557654321"), 1))
            _ = try await peer.readFrame()
        case .draining:
            // A call in flight keeps the connection open.
            stack.emulator.setFault(.hang, for: .me)
            try await peer.send(Self.verify("EMAWsomething", 1))
            try await eventually("a provider request") { stack.providerRequests == 1 }
            Task { [server = stack.server] in await server.drain() }
            let check = try RequestEncoder.encodeHealthCheck(service: "", timeout: nil)
            var streamID: UInt32 = 3
            try await eventually("draining") {
                try await peer.send(RawFrame(streamID: streamID, type: 1, data: check).bytes)
                streamID += 2
                let response = try await peer.readFrame().data
                guard case .success(let status) = ResponseDecoder.healthCheck(response.span, in: MessageArena()) else {
                    return false
                }
                return status == .notServing
            }
        default: break
        }
    }

    func request(_ stack: Stack) throws -> Request {
        switch failure {
        case .tokenRejected: return { try Self.verify("EMAWnobodys", $0) }
        case .proofRejected:
            let token = try stack.emulator.logIn(app: Stack.theirs.id, phone: "+15551234567")
            return { try Self.verify(token, $0) }
        case .wrongProvider:
            let token = try stack.emulator.logIn(phone: "+15551234567")
            return { try Self.verify(token, $0, requirements: TokenRequirements(provider: $0 == Self.warmUp ? nil : "another")) }
        case .insufficientScope:
            let token = try stack.emulator.logIn(phone: "+15551234567")
            return { try Self.verify(token, $0, requirements: TokenRequirements(scopes: ["orders:write"])) }
        case .storeUnavailable:
            let token = try failure.token(at: stack)
            return { try Self.verify(token, $0) }
        case .wrongApplication, .providerUnavailable, .providerBusy, .providerMisconfigured, .draining,
            .tooManyCalls, .tooManyMisses, .tooManyCallsPerSecond, .tooManyCallsOfCaller, .tooManyCallsAtServer:
            let token = try stack.emulator.logIn(phone: "+15551234567")
            return { try Self.verify(token, $0) }
        case .tooManyDenials:
            let token = try stack.emulator.logIn(phone: "+15551234567")
            return { try Self.revoke(token, $0) }
        case .deadlineExceeded: return { try Self.verify("EMAWnobodys", $0, timeout: .milliseconds(100)) }
        case .malformedToken: return { try Self.verify("AQcode", $0) }
        case .malformedRequest: return { RawFrame(streamID: $0, type: 1, data: [0xFF, 0xFF, 0xFF]).bytes }
        case .unimplemented:
            return { streamID in
                // Changes a letter of the method's name.
                let data = try RequestEncoder.encode(VerificationRequest(token: Token("EMAW")), timeout: nil)
                let name = Array("Verify".utf8)
                let start = data.indices.first { data[$0...].starts(with: name) }!
                var changed = data
                changed[start] = UInt8(ascii: "W")
                return RawFrame(streamID: streamID, type: 1, data: changed).bytes
            }
        case .serviceUnknown:
            return {
                RawFrame(streamID: $0, type: 1, data: try RequestEncoder.encodeHealthCheck(service: "no.such", timeout: nil)).bytes
            }
        case .callerNotAllowed:
            return { RawFrame(streamID: $0, type: 1, data: try RequestEncoder.encode(AccountListRequest(), timeout: nil)).bytes }
        case .frameTooLong: return { RawFrame(streamID: $0, type: 1, data: Array(repeating: 0, count: 65_537)).bytes }
        case .internal: preconditionFailure("no request causes INTERNAL")
        }
    }

    private static func revoke(_ token: String, _ streamID: UInt32) throws -> [UInt8] {
        let data = try RequestEncoder.encode(RevocationRequest(.token(Token(token))), timeout: nil)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }

    /// The stream id of a call that fills the cache.
    static let warmUp: UInt32 = 99

    static func verify(
        _ token: String, _ streamID: UInt32, timeout: Duration? = nil, requirements: TokenRequirements = .none
    ) throws -> [UInt8] {
        let request = VerificationRequest(token: Token(token), requirements: requirements)
        let data = try RequestEncoder.encode(request, timeout: timeout)
        return RawFrame(streamID: streamID, type: 1, data: data).bytes
    }
}

extension CallerPolicy {
    /// Returns a policy that allows every caller to verify, within limits.
    static func limiting(_ change: (inout CallerQuota.Limits) -> Void) -> CallerPolicy {
        var limits = CallerQuota.Limits()
        change(&limits)
        return CallerPolicy([Rule([.any], CallerPermissions(.verify, limits))], setting: "authorization.policy-file")
    }
}

extension Failure {
    /// Whether a second call with the same token may be a cache hit.
    fileprivate var isAboutToken: Bool {
        switch self {
        case .tokenRejected, .wrongApplication, .proofRejected, .malformedToken, .providerUnavailable, .providerMisconfigured: true
        default: false
        }
    }
}
