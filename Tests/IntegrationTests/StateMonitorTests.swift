import AccountKitEmulator
import CallerLimits
import DoormanClient
import DoormanServer
import DoormanSupport
import Logging
import ProviderHTTP
import TestKit
import Testing

@testable import DoormanDaemon

/// The lines that tell an operator which states begin and end, on a stepped clock.
@Suite("The log of states, end to end", .timeLimit(.minutes(2)))
struct StateMonitorTests {
    /// A server, its log, and the monitor, whose looks the test takes.
    private struct Scene {
        let stack: Stack
        let clock: SteppedClock
        let monitor: StateMonitor
        let recorder: LogRecorder

        /// Looks, and returns the new lines.
        func look(after step: Duration = .seconds(1)) async -> [String] {
            let before = recorder.lines.count
            clock.advance(by: step)
            await monitor.look()
            return Array(recorder.lines.dropFirst(before))
        }

        /// Looks, and expects these new lines.
        func expect(
            after step: Duration = .seconds(1), _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
        ) async {
            let lines = await look(after: step)
            #expect(lines == expected, sourceLocation: sourceLocation)
        }

        func verifyNewToken() async throws -> String { await stack.verify(try newToken()) }

        func newToken() throws -> String { try stack.emulator.logIn(phone: "+1555\(Int.random(in: 1_000_000...9_999_999))") }
    }

    private static func run(
        settings change: (inout DoormandSettings) -> Void = { _ in }, _ body: (Scene) async throws -> Void
    ) async throws {
        let (clock, recorder) = (SteppedClock(), LogRecorder())
        let logger = Logger(label: "test", factory: { _ in recorder })
        try await Stack.run(
            settings: {
                // Each failure is the provider's, without a retry.
                ($0.governor.retryBudget, $0.governor.retryBurst) = (0, 0)
                change(&$0)
            }, logger: logger, time: clock.timeSource
        ) { stack in
            let monitor = StateMonitor(server: stack.server, dependencies: stack.dependencies, logger: logger)
            let scene = Scene(stack: stack, clock: clock, monitor: monitor, recorder: recorder)
            await scene.expect([])
            try await body(scene)
            await scene.expect(after: .seconds(120), [])
        }
    }

    private static let application = "application=\(Stack.ours.id)"

    @Test("an outage and an open circuit breaker have a line at their beginning, and one at their end")
    func outage() async throws {
        try await Self.run(settings: {
            $0.governor.circuitBreaker.consecutiveFailures = 4
            $0.governor.circuitBreaker.openTime = .seconds(5)
        }) { scene in
            scene.stack.emulator.setFault(.badGateway, for: .me)
            for _ in 0..<2 { _ = try await scene.verifyNewToken() }
            await scene.expect([
                "warning the provider is unavailable: calls that need it fail, or get stale entries \(Self.application) "
                    + "cause=The provider returned a server error. (status 502) provider=account-kit"
            ])
            for _ in 0..<2 { _ = try await scene.verifyNewToken() }
            await scene.expect([
                "error the circuit breaker is open: only probes are sent to the provider \(Self.application) provider=account-kit"
            ])
            await scene.expect([])
            scene.stack.emulator.clearFaults()
            scene.clock.advance(by: .seconds(5))
            #expect(try await scene.verifyNewToken() == "OK")
            await scene.expect([
                "notice the provider is available again \(Self.application) duration=2 s failed_requests=4 provider=account-kit",
                "notice the circuit breaker is closed: requests are sent to the provider again \(Self.application) "
                    + "duration=1 s openings=1 provider=account-kit",
            ])
        }
    }

    @Test("good tokens above a limit of identities have a line with the limit")
    func exceedingTokens() async throws {
        try await Self.run(settings: {
            ($0.facebookLogin.url, $0.facebookLogin.appSecretFile) = ($0.accountKit.url, $0.accountKit.appSecretFile)
            $0.facebookLogin.applicationID = Stack.ours.id
            $0.accountKit = AccountKitTexts()
        }) { scene in
            let token = try scene.stack.emulator.logInWithFacebook(
                email: "a@example.com", scopes: Array(repeating: "email", count: 257), lifetime: 0)
            for _ in 0..<2 { #expect(await scene.stack.verify(token) == "unavailable: PROVIDER_MISCONFIGURED") }
            await scene.expect([
                "error good tokens exceed a limit of identities: they are unavailable \(Self.application) "
                    + "cause=\(IdentityLimit.scopes.message) provider=facebook-login"
            ])
            await scene.expect(after: .seconds(59), [])
            await scene.expect([
                "notice good tokens no longer exceed a limit of identities \(Self.application) calls=1 duration=0 s "
                    + "provider=facebook-login"
            ])
        }
    }

    @Test("a single failed request is an outage after a second without a success")
    func lonelyFailure() async throws {
        try await Self.run { scene in
            scene.stack.emulator.setFault(.badGateway, for: .me)
            _ = try await scene.verifyNewToken()
            await scene.expect([])
            #expect(await scene.look().map { $0.hasPrefix("warning the provider is unavailable") } == [true])
            scene.stack.emulator.clearFaults()
            #expect(try await scene.verifyNewToken() == "OK")
            await scene.expect([])
            #expect(await scene.look(after: .seconds(5)).map { $0.hasPrefix("notice the provider is available again") } == [true])
        }
    }

    @Test("a provider that works in every other second is one outage")
    func flapping() async throws {
        try await Self.run { scene in
            var lines: [String] = []
            for _ in 0..<5 {
                scene.stack.emulator.setFault(.badGateway, for: .me)
                for _ in 0..<2 { _ = try await scene.verifyNewToken() }
                lines += await scene.look()
                scene.stack.emulator.clearFaults()
                for _ in 0..<3 { #expect(try await scene.verifyNewToken() == "OK") }
                lines += await scene.look()
            }
            #expect(lines.map { $0.hasPrefix("warning the provider is unavailable") } == [true])
            #expect(await scene.look(after: .seconds(5)).map { $0.hasPrefix("notice the provider is available again") } == [true])
        }
    }

    @Test("stale entries that are served rarely are one state for as long as the provider is unavailable")
    func rareStaleHits() async throws {
        try await Self.run(settings: {
            $0.cache.ttl = .seconds(30)
            $0.governor.circuitBreaker.consecutiveFailures = 100
        }) { scene in
            let token = try scene.newToken()
            #expect(await scene.stack.verify(token) == "OK")
            await scene.expect([])
            scene.stack.emulator.setFault(.badGateway, for: .me)
            scene.clock.advance(by: .seconds(60))
            for _ in 0..<3 { #expect(await scene.stack.verify(token) == "OK") }
            await scene.expect(["warning serving stale entries, because the provider gives no verdict "])
            #expect(await scene.look().map { $0.hasPrefix("warning the provider is unavailable") } == [true])
            for _ in 0..<3 {
                await scene.expect(after: .seconds(15), [])
                for _ in 0..<3 { #expect(await scene.stack.verify(token) == "OK") }
                await scene.expect([])
            }
            scene.stack.emulator.clearFaults()
            await scene.expect(after: .seconds(15), [])
            #expect(await scene.stack.verify(token) == "OK")
            await scene.expect([])
            let lines = await scene.look(after: .seconds(10))
            #expect(
                lines.map { $0.prefix { $0 != "=" } } == [
                    "notice the provider is available again application", "notice no longer serving stale entries duration",
                ])
        }
    }

    @Test("failures among many successes are no outage")
    func fewFailures() async throws {
        try await Self.run { scene in
            for _ in 0..<3 {
                for _ in 0..<3 { #expect(try await scene.verifyNewToken() == "OK") }
                scene.stack.emulator.setFault(.badGateway, for: .me)
                for _ in 0..<2 { _ = try await scene.verifyNewToken() }
                scene.stack.emulator.clearFaults()
                #expect(try await scene.verifyNewToken() == "OK")
                await scene.expect([])
            }
        }
    }

    @Test("stale entries have a line when the first is served, and one ten seconds after the last")
    func stale() async throws {
        try await Self.run(settings: { $0.cache.ttl = .seconds(30) }) { scene in
            let token = try scene.newToken()
            #expect(await scene.stack.verify(token) == "OK")
            scene.stack.emulator.setFault(.badGateway, for: .me)
            scene.clock.advance(by: .seconds(60))
            for _ in 0..<3 { #expect(await scene.stack.verify(token) == "OK") }
            await scene.expect(["warning serving stale entries, because the provider gives no verdict "])
            scene.stack.emulator.clearFaults()
            scene.clock.advance(by: .seconds(60))
            #expect(await scene.stack.verify(token) == "OK")
            let lines = await scene.look()
            #expect(lines == ["notice no longer serving stale entries duration=0 s hits=3"])
        }
    }

    @Test("throttling has a line when it begins, and one when requests may be sent again")
    func throttling() async throws {
        try await Self.run { scene in
            scene.stack.emulator.setFault(.tooManyRequests(retryAfterSeconds: 20), for: .me)
            for _ in 0..<3 { _ = try await scene.verifyNewToken() }
            await scene.expect([
                "warning the provider rate limits this application: backing off \(Self.application) provider=account-kit"
            ])
            scene.stack.emulator.clearFaults()
            await scene.expect(after: .seconds(10), [])
            await scene.expect(
                after: .seconds(15),
                [
                    "notice the provider no longer rate limits this application \(Self.application) duration=10 s "
                        + "provider=account-kit throttled_requests=1"
                ])
        }
    }

    @Test("a back-off before the provider throttles names the setting")
    func usage() async throws {
        try await Self.run(settings: { $0.governor.throttleBackOff = .seconds(20) }) { scene in
            scene.stack.dependencies.providers.governedProviders[0].governor.noteUsage(percent: 100)
            await scene.expect([
                "warning the provider rate limits this application: backing off \(Self.application) "
                    + "cause=the provider reports that provider.usage-limit is reached provider=account-kit"
            ])
            #expect(await scene.look(after: .seconds(600)).count == 1)
        }
    }

    @Test("a limit on provider requests that turns calls away has a line")
    func providerLimit() async throws {
        try await Self.run(settings: {
            ($0.governor.callsPerSecond, $0.governor.callsBurst, $0.governor.maximumWaiting) = (1, 1, 0)
        }) { scene in
            scene.clock.advance(by: .seconds(10))
            var outcomes: [String] = []
            for _ in 0..<3 { outcomes.append(try await scene.verifyNewToken()) }
            #expect(outcomes == ["OK", "unavailable: PROVIDER_BUSY", "unavailable: PROVIDER_BUSY"])
            await scene.expect(["warning a limit of the server is exceeded limit=provider.max-waiting-calls"])
            await scene.expect(
                after: .seconds(10),
                ["notice the limit of the server is no longer exceeded calls=2 duration=0 s limit=provider.max-waiting-calls"])
        }
    }

    @Test("a caller at its limit, and a call without permission, have a line each, with the caller and the reason")
    func callers() async throws {
        try await Self.run(settings: {
            var limits = CallerQuota.Limits()
            limits.calls = RateLimit(perSecond: 1, burst: 2)
            $0.server.policy = CallerPolicy([.init([.any], CallerPermissions(.verify, limits))], setting: "policy.yaml")
        }) { scene in
            let peer = try RawPeer.connect(port: scene.stack.port)
            for number in 0..<5 {
                try await peer.send(DoormandProcess.verify("EMAWtoken\(number)", streamID: UInt32(2 * number + 1)))
                _ = try await peer.readFrame()
            }
            await scene.expect([
                "warning a caller exceeds its limit caller=ip:127.0.0.1 limit=calls-per-second in policy.yaml",
                "info calls fail code=UNAUTHENTICATED reason=TOKEN_REJECTED",
            ])
            await #expect(throws: DoormanError.self) { try await scene.stack.client.statistics() }
            await scene.expect([
                "warning a caller makes calls that it is not allowed to make action=call doorman.v1.Stats/Get "
                    + "audit=call_not_allowed caller=ip:127.0.0.1"
            ])
            await scene.expect(
                after: .seconds(10),
                [
                    "notice the caller no longer exceeds its limit caller=ip:127.0.0.1 calls=3 duration=0 s "
                        + "limit=calls-per-second in policy.yaml"
                ])
            await scene.expect(
                after: .seconds(60),
                [
                    "notice the caller no longer makes calls that it is not allowed to make action=call doorman.v1.Stats/Get "
                        + "audit=call_not_allowed caller=ip:127.0.0.1 calls=1 duration=0 s",
                    "info calls no longer fail calls=2 code=UNAUTHENTICATED duration=0 s reason=TOKEN_REJECTED",
                ])
        }
    }

    @Test("evictions name the bound that is reached")
    func evictions() async throws {
        try await Self.run(settings: {
            $0.cache.valid.entries = 16
            $0.cache.shards = 1
        }) { scene in
            for _ in 0..<24 { _ = try await scene.verifyNewToken() }
            await scene.expect([
                "warning the cache is full: entries are evicted before their TTL ends setting=cache.max-entries"
            ])
            await scene.expect(after: .seconds(59), [])
            let lines = await scene.look(after: .seconds(2))
            #expect(lines == ["notice the cache no longer evicts entries duration=0 s entries=8"])
        }
    }

    @Test("entries past their TTL make room without a line")
    func expiredEntries() async throws {
        try await Self.run(settings: {
            $0.cache.valid.entries = 16
            $0.cache.shards = 1
        }) { scene in
            for _ in 0..<16 { _ = try await scene.verifyNewToken() }
            await scene.expect(after: .seconds(120), [])
            for _ in 0..<8 { _ = try await scene.verifyNewToken() }
            await scene.expect([])
            let segment = scene.stack.dependencies.verifier.statistics.valid
            #expect(segment.entries == 16 && segment.evictions == 0)
        }
    }

    @Test("a provider that rejects our settings is an error, until it stops")
    func misconfigured() async throws {
        try await Self.run(settings: { $0.accountKit.appSecretFile = "" }) { scene in
            let token = try scene.newToken()
            #expect(await scene.stack.verify(token) == "unavailable: PROVIDER_MISCONFIGURED")
            let lines = await scene.look()
            #expect(
                lines.count == 1
                    && lines[0].hasPrefix("error the provider rejects the application's credential or settings \(Self.application)"),
                "\(lines)")
            // Without a request, nothing shows that the provider accepts the settings.
            await scene.expect(after: .seconds(11), [])
            scene.stack.dependencies.providers.governedProviders[0].health.record(
                ProviderEndpoint("me"), .answered(.success, status: 200), .milliseconds(1))
            #expect(
                await scene.look(after: .seconds(11)).map { $0.hasPrefix("notice the provider no longer rejects") } == [true])
        }
    }
}
