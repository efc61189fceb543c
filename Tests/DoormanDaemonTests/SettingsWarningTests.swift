import DoormanCore
import DoormanGovernor
import DoormanSupport
import Foundation
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

    @Test("what is dangerous or can't work is in the one list of the log and --check-config")
    func start() async throws {
        let expired = try await TestAuthority().leaf(isExpired: true)
        let now = Timestamp(millisecondsSince1970: Int64(Date().timeIntervalSince1970 * 1000))
        var settings = DoormandSettings()
        settings.unixSocket = "/nowhere/doorman.sock"
        settings.server.allowsPlaintextFromNetwork = true
        settings.caFile = expired.certificateFile
        settings.accountKit.url = "http://127.0.0.1:1"
        settings.accountKit.applicationID = "123"
        let warnings = settings.startWarnings(
            providers: try settings.providers(), isOpenToTheNetwork: true, descriptorLimit: 64, now: now
        ).map(\.text)
        for text in [
            "file descriptors may run out", "server.allow-plaintext-from-network is on",
            "create the folder /nowhere, or choose another server.unix-socket",
            "the provider's URL is http:// on this machine", "no app secret is set",
            "(certificate: provider.ca-file: certificate 1 of 1 has expired)",
        ] { #expect(warnings.count { $0.contains(text) } == 1, "\(text) in \(warnings)") }
        settings.tls = TLSFiles(certificate: expired.certificateFile, key: expired.keyFile)
        let withTLS = settings.startWarnings(
            providers: [], isOpenToTheNetwork: true, descriptorLimit: 1 << 20, now: now
        ).map(\.text)
        #expect(withTLS.contains { $0.hasPrefix("TLS is on without tls.client-ca-file") })
        #expect(withTLS.contains { $0.hasSuffix("(certificate: tls.certificate-file: certificate 1 of 1 has expired)") })
        #expect(!withTLS.contains { $0.contains("descriptors") || $0.contains("plaintext") })
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
            provider: provider, governor: Governor(settings: defaults.governor, timeSource: clock.timeSource))
        let began = clock.now
        let verdict = try await verifier.verify(
            VerificationRequest(token: Token("EMAW")), deadline: Deadline(began.advanced(by: defaults.cache.lookupTimeout)))
        #expect(verdict == expected)
        #expect(began.duration(to: clock.now) < defaults.server.connection.defaultCallTimeout)
    }
}
