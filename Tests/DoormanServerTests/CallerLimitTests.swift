import CallerLimits
import DoormanCore
import DoormanServer
import DoormanSupport
import DoormanWire
import Glibc
import TestKit
import Testing

@Suite("Limits of callers")
struct CallerLimitTests {
    /// Returns a policy that lets every caller verify and revoke, within limits.
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

    @Test("a caller's rate limit counts the calls of all its connections")
    func rate() async throws {
        let (clock, path) = (SteppedClock(), Self.socketPath)
        let settings: (inout ServerSettings) -> Void = {
            $0.unixSocketPath = path
            $0.policy = Self.limiting { $0.calls = RateLimit(perSecond: 10, burst: 4) }
        }
        try await withServer(backend: { ScriptedBackend($0, timeSource: clock.timeSource) }, settings: settings) { server, port in
            let (first, second) = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            #expect(try await verify("cached", 1, second) == nil)
            // Six calls in one read, of which the limit allows three.
            try await first.send((0..<6).flatMap { try Frames.verify("cached", streamID: 2 * $0 + 1) })
            var responses: [Failure?] = []
            for _ in 0..<6 { responses.append(try await first.readFrame().failure) }
            #expect(responses == [nil, nil, nil] + Array(repeating: .tooManyCallsPerSecond, count: 3))
            try await second.send(Frames.verify("unknown", streamID: 3))
            let status = try await second.readFrame().status
            #expect(status?.failure == .tooManyCallsPerSecond)
            // The next three permits were promised to the three calls before it.
            let retryAfter = try #require(status?.retryAfter)
            #expect(retryAfter >= .milliseconds(400) && retryAfter < .milliseconds(500))
            #expect(status?.message.contains("ip:127.0.0.1") == true)
            #expect(status?.message.contains("calls-per-second in authorization.policy-file") == true)
            #expect(try await failure(Frames.revoke("unknown", streamID: 5), second) == .tooManyCallsPerSecond)
            try await second.send(Frames.health(streamID: 7))
            #expect(try await second.readFrame().servingStatus == .serving)
            let other = try RawPeer.connect(unixPath: path)
            #expect(try await verify("cached", 1, other) == nil)
            clock.advance(by: .milliseconds(100))
            #expect(try await verify("cached", 9, second) == nil)
            #expect(try await verify("cached", 13, first) == .tooManyCallsPerSecond)
            #expect(await server.failures(.tooManyCallsPerSecond) == 6)
        }
    }

    @Test("a caller's concurrency limit counts the cache misses of all its connections")
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
            try await eventually("both provider requests start") { provider.callCount == 2 }
            try await second.send(Frames.verify("unknown", streamID: 3))
            let status = try await second.readFrame().status
            #expect(status?.failure == .tooManyCallsOfCaller)
            #expect((.milliseconds(100)..<(.milliseconds(110))).contains(status?.retryAfter ?? .zero))
            #expect(status?.message.contains("reached its limit of 2 calls in flight") == true)
            #expect(try await failure(Frames.revoke("unknown", streamID: 5), first) == .tooManyCallsOfCaller)
            #expect(try await verify("cached", 7, first) == nil)
            #expect(try await verify("recovering", 9, first) == nil)
            let other = try RawPeer.connect(unixPath: path)
            try await other.send(Frames.verify("unknown", streamID: 1))
            try await eventually("a third provider request starts") { provider.callCount == 3 }
            provider.release()
            for peer in [first, second, other] { #expect(try await peer.readFrame().identity == .someone) }
            #expect(try await verify("unknown", 11, first) == nil)
        }
    }

    @Test("the server's concurrency limit counts the cache misses of all callers")
    func waitingCalls() async throws {
        let (provider, clock, path) = (ScriptedProvider.held(), SteppedClock(), Self.socketPath)
        let settings: (inout ServerSettings) -> Void = {
            $0.unixSocketPath = path
            $0.maximumWaitingCalls = 2
        }
        // The late call waits until the clock is stepped, however long the other calls take.
        let backend = { ScriptedBackend($0, timeSource: clock.timeSource) }
        try await withServer(provider, backend: backend, settings: settings) { _, port in
            let (leaving, late) = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            try await leaving.send(Frames.verify("unknown", streamID: 1))
            try await late.send(Frames.verify("unknown", streamID: 1, timeout: .milliseconds(200)))
            let other = try RawPeer.connect(unixPath: path)
            try await eventually("both provider requests start") { provider.callCount == 2 }
            try await other.send(Frames.verify("unknown", streamID: 1))
            let status = try await other.readFrame().status
            #expect(status?.failure == .tooManyCallsAtServer)
            #expect((.milliseconds(100)..<(.milliseconds(110))).contains(status?.retryAfter ?? .zero))
            #expect(status?.message.contains("server.max-waiting-calls") == true)
            #expect(try await verify("cached", 3, other) == nil)
            clock.advance(by: .milliseconds(200))
            #expect(try await late.readFrame().failure == .deadlineExceeded)
            try await other.send(Frames.verify("unknown", streamID: 5))
            try await eventually("the permit of the expired call is free") { provider.callCount == 3 }
            #expect(try await verify("unknown", 7, other) == .tooManyCallsAtServer)
            // A FIN could be that of a client that still reads.
            try leaving.reset()
            try await eventually("the call of the closed connection is cancelled") { provider.cancelledCount == 2 }
            try await other.send(Frames.verify("unknown", streamID: 9))
            try await eventually("its permit is free") { provider.callCount == 4 }
        }
    }

    @Test("one caller gets a quarter of the waiting calls by default")
    func quarterOfWaitingCalls() async throws {
        let path = Self.socketPath
        let provider = ScriptedProvider.held()
        let settings: (inout ServerSettings) -> Void = {
            $0.unixSocketPath = path
            $0.maximumWaitingCalls = 8
            $0.callsInFlightPerCaller = ServerSettings().callsInFlightPerCaller
        }
        try await withServer(provider, settings: settings) { server, port in
            let peer = try RawPeer.connect(port: port)
            // Calls that join one lookup wait, too.
            for index in 0..<5 { try await peer.send(Frames.verify("unknown", streamID: UInt32(2 * index + 1))) }
            for _ in 0..<3 {
                let status = try await peer.readFrame().status
                #expect(status?.failure == .tooManyCallsOfCaller)
                #expect(status?.message.contains("2 calls in flight (authorization.calls-in-flight)") == true)
            }
            let other = try RawPeer.connect(unixPath: path)
            try await other.send(Frames.verify("other", streamID: 1))
            try await eventually("the provider gets the other caller's request") { provider.callCount >= 2 }
            provider.release()
            #expect(try await other.readFrame().failure != .tooManyCallsOfCaller)
        }
    }

    @Test("a call that exceeds another limit holds no permit")
    func permitsOfFailedCalls() async throws {
        let provider = ScriptedProvider.held()
        let settings: (inout ServerSettings) -> Void = {
            $0.maximumWaitingCalls = 3
            $0.connection.maximumCallsInFlight = 1
        }
        try await withServer(
            provider, backend: { ScriptedBackend($0, chargeMiss: { _, _, _ in provider.callCount == 2 ? .seconds(1) : nil }) },
            settings: settings
        ) { _, port in
            let (first, second) = (try RawPeer.connect(port: port), try RawPeer.connect(port: port))
            try await first.send(Frames.verify("unknown", streamID: 1))
            try await eventually("the provider request starts") { provider.callCount == 1 }
            for streamID in [3, 5, 7, 9] as [UInt32] { #expect(try await verify("unknown", streamID, first) == .tooManyCalls) }
            try await second.send(Frames.verify("unknown", streamID: 1))
            try await eventually("the provider request starts") { provider.callCount == 2 }
            let third = try RawPeer.connect(port: port)
            for streamID in [1, 3, 5] as [UInt32] { #expect(try await verify("unknown", streamID, third) == .tooManyMisses) }
            try await third.send(Frames.verify("busy", streamID: 7))
            try await eventually("a call that joins a lookup still gets a permit") { provider.callCount == 3 }
        }
    }

    @Test("the policy's limit for cache misses replaces the default limit")
    func misses() async throws {
        let own = RateLimit(perSecond: 7, burst: 9)
        try await withServer(
            backend: { ScriptedBackend($0, chargeMiss: { _, limit, _ in limit == own ? .seconds(1) : nil }) },
            settings: { $0.policy = Self.limiting { $0.misses = own } }
        ) { _, port in
            let peer = try RawPeer.connect(port: port)
            try await peer.send(Frames.verify("unknown", streamID: 1))
            let status = try await peer.readFrame().status
            #expect(status?.failure == .tooManyMisses)
            #expect(status?.message.contains("misses-per-second in authorization.policy-file") == true)
        }
    }

    @Test("a caller that matches no rule can only call the health check")
    func noRule() async throws {
        let policy = CallerPolicy(
            [.init([.one(Caller(name: "uid:4294967294"))], CallerPermissions(.verify))], setting: "authorization.policy-file")
        try await withServer(settings: { $0.policy = policy }) { _, port in
            let peer = try RawPeer.connect(port: port)
            for bytes in [
                try Frames.verify("cached", streamID: 1), try Frames.revoke("cached", streamID: 3),
                try Frames.listAccounts(streamID: 5), try Frames.deleteAccount("", streamID: 7),
            ] {
                try await peer.send(bytes)
                let status = try await peer.readFrame().status
                #expect(status?.failure == .callerNotAllowed)
                #expect(status?.message.hasPrefix("caller ip:127.0.0.1 is not allowed to call doorman.v1.A") == true)
                #expect(status?.message.contains("authorization.policy-file") == true)
            }
            try await peer.send(Frames.health(streamID: 9))
            #expect(try await peer.readFrame().servingStatus == .serving)
        }
    }

    @Test("a new policy applies to the next call of an open connection")
    func replaced() async throws {
        let provider = ScriptedProvider.held()
        try await withServer(provider, settings: { $0.policy = Self.limiting { $0.callsInFlight = 1 } }) { server, port in
            let peer = try RawPeer.connect(port: port)
            #expect(try await verify("cached", 1, peer) == nil)
            try await peer.send(Frames.verify("unknown", streamID: 3))
            try await eventually("the provider request starts") { provider.callCount == 1 }
            await server.replacePolicy(CallerPolicy([], setting: "authorization.policy-file")).value
            #expect(try await verify("cached", 5, peer) == .callerNotAllowed)
            #expect(try await verify("unknown", 7, peer) == .callerNotAllowed)
            await server.replacePolicy(Self.limiting { $0.callsInFlight = 1 }).value
            #expect(try await verify("cached", 9, peer) == nil)
            #expect(try await verify("unknown", 11, peer) == .tooManyCallsOfCaller)
            await server.replacePolicy(Self.limiting { $0.callsInFlight = 2 }).value
            try await peer.send(Frames.verify("unknown", streamID: 13))
            try await eventually("a second provider request starts") { provider.callCount == 2 }
            await server.replacePolicy(Self.limiting()).value
            provider.release()
            #expect(try await peer.readFrame().identity == .someone)
            #expect(try await peer.readFrame().identity == .someone)
            await server.replacePolicy(Self.limiting { $0.callsInFlight = 1 }).value
            #expect(try await verify("unknown", 15, peer) == nil)
        }
    }
}
