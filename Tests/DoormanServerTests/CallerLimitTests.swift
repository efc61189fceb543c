import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import Glibc
import TestKit
import Testing

@Suite("Callers within their policy, and beyond")
struct CallerLimitTests {
    /// Everybody may verify and revoke, within limits.
    private static func limiting(_ change: (inout CallerQuota.Limits) -> Void = { _ in }) -> CallerPolicy {
        var limits = CallerQuota.Limits()
        change(&limits)
        return CallerPolicy([.init([.any], CallerPermissions([.verify, .revoke], limits))], setting: "authorization.policy-file")
    }

    private static var socketPath: String { "/tmp/doorman-policy-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock" }

    private func failure(_ bytes: [UInt8], _ peer: RawPeer) async throws -> Failure? {
        try await peer.send(bytes)
        return try await peer.readFrame().failure
    }

    private func verify(_ token: String, _ streamID: UInt32, _ peer: RawPeer) async throws -> Failure? {
        try await failure(Frames.verify(token, streamID: streamID), peer)
    }

    @Test("calls are counted over a caller's connections, hits too; beyond the rate all are refused but health checks")
    func rate() async throws {
        let (clock, path) = (SteppedClock(), Self.socketPath)
        let settings: (inout ServerSettings) -> Void = {
            $0.unixSocketPath = path
            $0.policy = Self.limiting { $0.calls = RateLimit(perSecond: 10, burst: 4) }
        }
        try await withServer(backend: { ScriptedBackend($0, timeSource: clock.timeSource) }, settings: settings) { server, port in
            let (first, second) = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            #expect(try await verify("remembered", 1, second) == nil)
            // Six in one read, three of which are left.
            try await first.send((0..<6).flatMap { try Frames.verify("remembered", streamID: 2 * $0 + 1) })
            var answers: [Failure?] = []
            for _ in 0..<6 { answers.append(try await first.readFrame().failure) }
            #expect(answers == [nil, nil, nil] + Array(repeating: .tooManyCallsPerSecond, count: 3))
            try await second.send(Frames.verify("unknown", streamID: 3))
            let status = try await second.readFrame().status
            #expect(status?.failure == .tooManyCallsPerSecond)
            #expect(status?.retryAfter == .milliseconds(100))
            #expect(status?.message.contains("ip:127.0.0.1") == true)
            #expect(status?.message.contains("calls-per-second in authorization.policy-file") == true)
            #expect(try await failure(Frames.revoke("unknown", streamID: 5), second) == .tooManyCallsPerSecond)
            try await second.send(Frames.health(streamID: 7))
            #expect(try await second.readFrame().servingStatus == .serving)
            let other = try RawPeer.connect(unixPath: path)
            #expect(try await verify("remembered", 1, other) == nil)
            clock.advance(by: .milliseconds(100))
            #expect(try await verify("remembered", 9, second) == nil)
            #expect(try await verify("remembered", 13, first) == .tooManyCallsPerSecond)
            #expect(await server.failures(.tooManyCallsPerSecond) == 6)
        }
    }

    @Test("calls that wait are counted over a caller's connections; beyond that hits are answered, and other callers wait too")
    func callsInFlight() async throws {
        let (provider, path) = (ScriptedProvider.held(), Self.socketPath)
        let settings: (inout ServerSettings) -> Void = {
            $0.unixSocketPath = path
            $0.policy = Self.limiting { $0.callsInFlight = 2 }
        }
        try await withServer(provider, settings: settings) { _, port in
            let (first, second) = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            try await first.send(Frames.verify("unknown", streamID: 1))
            try await second.send(Frames.verify("unknown", streamID: 1))
            try await eventually("both are asked about") { provider.asked == 2 }
            try await second.send(Frames.verify("unknown", streamID: 3))
            let status = try await second.readFrame().status
            #expect(status?.failure == .tooManyCallsOfCaller)
            #expect(status?.retryAfter == .milliseconds(100))
            #expect(status?.message.contains("has 2 calls waiting") == true)
            #expect(try await failure(Frames.revoke("unknown", streamID: 5), first) == .tooManyCallsOfCaller)
            #expect(try await verify("remembered", 7, first) == nil)
            #expect(try await verify("recovering", 9, first) == nil)
            let other = try RawPeer.connect(unixPath: path)
            try await other.send(Frames.verify("unknown", streamID: 1))
            try await eventually("a third is asked about") { provider.asked == 3 }
            provider.release()
            for peer in [first, second, other] { #expect(try await peer.readFrame().identity == .someone) }
            #expect(try await verify("unknown", 11, first) == nil)
        }
    }

    @Test("calls that wait are counted over all callers; beyond that hits are answered, and what ended makes room")
    func waitingCalls() async throws {
        let (provider, path) = (ScriptedProvider.held(), Self.socketPath)
        let settings: (inout ServerSettings) -> Void = {
            $0.unixSocketPath = path
            $0.maximumWaitingCalls = 2
        }
        try await withServer(provider, settings: settings) { _, port in
            let (leaving, late) = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            try await leaving.send(Frames.verify("unknown", streamID: 1))
            try await late.send(Frames.verify("unknown", streamID: 1, timeout: .milliseconds(200)))
            let other = try RawPeer.connect(unixPath: path)
            try await eventually("both are asked about") { provider.asked == 2 }
            try await other.send(Frames.verify("unknown", streamID: 1))
            let status = try await other.readFrame().status
            #expect(status?.failure == .tooManyCallsAtServer)
            #expect(status?.retryAfter == .milliseconds(100))
            #expect(status?.message.contains("server.max-waiting-calls") == true)
            #expect(try await verify("remembered", 3, other) == nil)
            #expect(try await late.readFrame().failure == .deadlineExceeded)
            try await other.send(Frames.verify("unknown", streamID: 5))
            try await eventually("the place of one that is late is free") { provider.asked == 3 }
            #expect(try await verify("unknown", 7, other) == .tooManyCallsAtServer)
            leaving.close()
            try await eventually("the one that left is given up") { provider.cancelled == 2 }
            try await other.send(Frames.verify("unknown", streamID: 9))
            try await eventually("its place is free") { provider.asked == 4 }
        }
    }

    @Test("a call that its connection refuses, or its caller's share of misses, holds no place")
    func placesOfRefused() async throws {
        let provider = ScriptedProvider.held()
        let settings: (inout ServerSettings) -> Void = {
            $0.maximumWaitingCalls = 3
            $0.connection.maximumCallsInFlight = 1
        }
        try await withServer(
            provider, backend: { ScriptedBackend($0, chargeMiss: { _, _, _ in provider.asked == 2 ? .seconds(1) : nil }) },
            settings: settings
        ) { _, port in
            let (first, second) = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            try await first.send(Frames.verify("unknown", streamID: 1))
            try await eventually("it is asked about") { provider.asked == 1 }
            for streamID in [3, 5, 7, 9] as [UInt32] { #expect(try await verify("unknown", streamID, first) == .tooManyCalls) }
            try await second.send(Frames.verify("unknown", streamID: 1))
            try await eventually("it is asked about") { provider.asked == 2 }
            let third = try RawPeer.connect(port: port)
            for streamID in [1, 3, 5] as [UInt32] { #expect(try await verify("unknown", streamID, third) == .tooManyMisses) }
            try await third.send(Frames.verify("busy", streamID: 7))
            try await eventually("what costs no miss still has its place") { provider.asked == 3 }
        }
    }

    @Test("what the policy grants of misses is what is asked for")
    func misses() async throws {
        let own = RateLimit(perSecond: 7, burst: 9)
        try await withServer(
            backend: { ScriptedBackend($0, chargeMiss: { _, granted, _ in granted == own ? .seconds(1) : nil }) },
            settings: { $0.policy = Self.limiting { $0.misses = own } }
        ) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("unknown", streamID: 1))
            let status = try await peer.readFrame().status
            #expect(status?.failure == .tooManyMisses)
            #expect(status?.message.contains("misses-per-second in authorization.policy-file") == true)
        }
    }

    @Test("one whom no rule is for may ask for the server's health, and is told its name for all else, before its payload is read")
    func noRule() async throws {
        let policy = CallerPolicy(
            [.init([.one(Caller(name: "uid:4294967294"))], CallerPermissions(.verify))], setting: "authorization.policy-file")
        try await withServer(settings: { $0.policy = policy }) { _, port in
            let peer = try RawPeer.connect(port: port)
            for bytes in [
                try Frames.verify("remembered", streamID: 1), try Frames.revoke("remembered", streamID: 3),
                try Frames.listAccounts(streamID: 5), try Frames.deleteAccount("", streamID: 7),
            ] {
                try await peer.send(bytes)
                let status = try await peer.readFrame().status
                #expect(status?.failure == .callerNotAllowed)
                #expect(status?.message.contains("which is ip:127.0.0.1 here") == true)
                #expect(status?.message.contains("authorization.policy-file does not allow doorman.v1.A") == true)
            }
            try await peer.send(Frames.health(streamID: 9))
            #expect(try await peer.readFrame().servingStatus == .serving)
        }
    }

    @Test("another policy holds for the next call of connections that are open, and calls that wait go on")
    func replaced() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider, settings: { $0.policy = Self.limiting { $0.callsInFlight = 1 } }) { server, port in
            let peer = try RawPeer.connect(port: port)
            #expect(try await verify("remembered", 1, peer) == nil)
            try await peer.send(Frames.verify("unknown", streamID: 3))
            try await eventually("it is asked about") { provider.asked == 1 }
            await server.replacePolicy(CallerPolicy([], setting: "authorization.policy-file")).value
            #expect(try await verify("remembered", 5, peer) == .callerNotAllowed)
            #expect(try await verify("unknown", 7, peer) == .callerNotAllowed)
            await server.replacePolicy(Self.limiting { $0.callsInFlight = 1 }).value
            #expect(try await verify("remembered", 9, peer) == nil)
            #expect(try await verify("unknown", 11, peer) == .tooManyCallsOfCaller)
            await server.replacePolicy(Self.limiting { $0.callsInFlight = 2 }).value
            try await peer.send(Frames.verify("unknown", streamID: 13))
            try await eventually("a second is asked about") { provider.asked == 2 }
            await server.replacePolicy(Self.limiting()).value
            provider.release()
            #expect(try await peer.readFrame().identity == .someone)
            #expect(try await peer.readFrame().identity == .someone)
            await server.replacePolicy(Self.limiting { $0.callsInFlight = 1 }).value
            #expect(try await verify("unknown", 15, peer) == nil)
        }
    }
}
