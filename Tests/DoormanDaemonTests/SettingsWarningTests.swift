import DoormanCore
import DoormanGovernor
import DoormanSupport
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import DoormanDaemon

@Suite("Warnings about settings")
struct SettingsWarningTests {
    private func warnings(_ arguments: [String], applications: Int = 1) throws -> [String] {
        try SettingsLoader(arguments: arguments, environment: [:], file: nil).load().settings.warnings(applications: applications)
            .map(\.text)
    }

    @Test("an introspection endpoint without an audience has a warning at the start, after a reload and in --check-config")
    func missingAudience() {
        var settings = DoormandSettings()
        settings.introspection.endpoint = "https://id.partner.example/introspect"
        let before = settings.warnings(applications: 1)
        #expect(before.last?.message.hasPrefix("introspection without an audience") == true)
        #expect(before.last?.values == ["provider": "introspection"])
        settings.introspection.audience = ["orders-api"]
        #expect(settings.warnings(applications: 1).count == before.count - 1)
    }

    @Test("the defaults get no warning")
    func defaults() throws {
        #expect(try warnings([]) == [])
    }

    @Test("a cache that cannot be kept fresh gets a warning with both numbers")
    func freshness() throws {
        let warning =
            "the cache holds more tokens than the provider can keep fresh: cache.max-entries is larger than "
            + "provider.max-calls-per-second of all applications times cache.ttl (cache.max-entries: 60001, kept-fresh: 60000)"
        #expect(try warnings(["--cache-max-entries", "60001"]) == [warning])
        #expect(try warnings(["--cache-max-entries", "60001"], applications: 2) == [])
        #expect(try warnings(["--cache-ttl", "59s"]).first?.contains("kept-fresh: 59000") == true)
        #expect(try warnings(["--provider-max-calls-per-second", "999"]).first?.contains("kept-fresh: 59940") == true)
        #expect(try warnings(["--cache-ttl", "0s"]) == [])
    }

    @Test(
        "time-outs in the wrong order get a warning",
        arguments: [
            (["--provider-request-timeout", "1451ms"], "never repeated"),
            (["--provider-request-timeout", "1450ms"], nil),
            (["--provider-call-timeout", "749ms"], "never repeated"),
            (["--provider-call-timeout", "2s"], "may end before its lookup"),
            (["--provider-call-timeout", "1999ms"], nil),
            (["--server-default-call-timeout", "1500ms"], "may end before its lookup"),
        ])
    func order(arguments: [String], expected: String?) throws {
        let warnings = try warnings(arguments)
        #expect(warnings.count == (expected == nil ? 0 : 1))
        if let expected { #expect(warnings.first?.contains(expected) == true) }
    }

    @Test("with the default time-outs, a request that timed out is repeated in time")
    func retryAfterTimeout() async throws {
        let defaults = DoormandSettings()
        let clock = SteppedClock()
        let provider = ScriptedProvider()
        let requests = NIOLockedValueBox(0)
        let expected = Verdict.rejected(Rejection(.tokenRejected, "No such token."))
        provider.verifications.script { _ in
            let number = requests.withLockedValue { count in
                count += 1
                return count
            }
            guard number == 1 else { return .success(expected) }
            clock.advance(by: defaults.transport.requestTimeout)
            return .failure(VerificationError(.providerUnavailable, "The provider did not respond in time."))
        }
        let verifier = GovernedVerifier(
            upstream: provider, governor: Governor(settings: defaults.governor, timeSource: clock.timeSource))
        let began = clock.now
        let verdict = try await verifier.verify(
            VerificationRequest(token: Token("EMAW")), deadline: Deadline(began.advanced(by: defaults.cache.lookupTimeout)))
        #expect(verdict == expected)
        #expect(began.duration(to: clock.now) < defaults.server.connection.defaultCallTimeout)
    }
}
