import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderRouting
import TestKit
import Testing

/// The provider rejects a proof because the token belongs to another application, or because our secret is wrong. Only the first
/// rejects the token.
@Suite("A wrong secret")
struct WrongSecretTests {
    private static let rejected: ScriptedCredentials.Response = .proofRejected
    private static let wrongSecret: ScriptedCredentials.Response = .failure(.providerUnavailable, .credential)

    private let credentials = ScriptedCredentials(["1a": rejected, "1b": rejected, "2a": rejected])

    private func verify(_ router: ApplicationRouter, known: String? = nil, application: String? = nil) async -> String {
        await ApplicationRouterTests.verify(router, known: known, application: application)
    }

    @Test("the proof of a secret that works rejects the token")
    func working() async throws {
        let router = try await credentials.checkedRouter("1a")
        #expect(await verify(router) == "rejected proofRejected")
        #expect(credentials.checkCount == 2)
        #expect(credentials.takeCalls() == ["1a", "1a"], "the second proof is from after the check")
    }

    @Test("a token is valid if the provider accepts the secret again before the check")
    func changedBack() async throws {
        let router = credentials.router("1a")
        credentials.onCheck { $0.change("1a", to: .valid) }
        #expect(await verify(router) == "valid 1")
        #expect(credentials.takeCalls() == ["1a", "1a"])
    }

    @Test("only the secret that works judges a token whose proofs were all rejected")
    func exchangedSecrets() async throws {
        let router = try await credentials.checkedRouter("1a 1b")
        credentials.check("1a", gives: Self.wrongSecret)
        credentials.onCheck { $0.change("1b", to: .invalidToken) }
        #expect(await verify(router) == "rejected tokenRejected")
        #expect(credentials.takeCalls() == ["1a", "1b", "1b"])
        credentials.change("1b", to: Self.rejected)
        credentials.onCheck { _ in }
        credentials.clock.advance(by: .seconds(5))
        #expect(await verify(router) == "rejected proofRejected")
    }

    @Test(
        "a failure after the check rejects no token",
        arguments: [.failure(.providerUnavailable), wrongSecret, .failure(.providerBusy)] as [ScriptedCredentials.Response])
    func failureAfterCheck(failure: ScriptedCredentials.Response) async throws {
        let router = credentials.router("1a")
        credentials.onCheck { $0.change("1a", to: failure) }
        #expect(await verify(router).hasPrefix("failed"))
    }

    @Test(
        "a failed check rejects no token",
        arguments: [.providerUnavailable, .providerBusy, .deadlineExceeded, .unsupported, .internal]
            as [VerificationError.Code], [.provider, .credential] as [VerificationError.Scope])
    func failedCheck(code: VerificationError.Code, scope: VerificationError.Scope) async throws {
        let router = try await credentials.checkedRouter("1a 1b")
        for name in ["1a", "1b"] { credentials.check(name, gives: .failure(code, scope)) }
        #expect(await verify(router) == "failed providerMisconfigured")
    }

    @Test("no token is rejected before the first check has succeeded")
    func start() async throws {
        credentials.check("1a", gives: Self.wrongSecret)
        let router = credentials.router("1a")
        router.checkCredentials()
        try await eventually("a check") { credentials.checkCount == 1 }
        #expect(await verify(router) == "failed providerMisconfigured")
        #expect(credentials.checkCount == 2)
    }

    @Test("a wrong secret of one application rejects no token of unknown application")
    func oneOfTwo() async throws {
        let router = try await credentials.checkedRouter("1a 2a")
        credentials.check("2a", gives: Self.wrongSecret)
        #expect(await verify(router) == "failed providerMisconfigured")
        credentials.clock.advance(by: .seconds(5))
        credentials.check("2a", gives: .valid)
        #expect(await verify(router) == "rejected proofRejected")
    }

    @Test("a check that began before the proof was rejected does not count")
    func earlyCheck() async throws {
        let router = credentials.router("1a")
        credentials.holdChecks(true)
        router.checkCredentials()
        try await eventually("a check is in flight") { credentials.checkCount == 1 }
        credentials.clock.advance(by: .milliseconds(1))
        async let outcome = verify(router)
        try await eventually("the proof is rejected") { credentials.takeCalls().count >= 1 }
        credentials.check("1a", gives: Self.wrongSecret)
        credentials.holdChecks(false)
        #expect(await outcome == "failed providerMisconfigured")
        #expect(credentials.checkCount == 2)
    }

    @Test("a token that was valid before is not rejected, though the check would succeed")
    func knownToken() async throws {
        let router = try await credentials.checkedRouter("1a")
        #expect(await verify(router, known: "1") == "failed providerMisconfigured")
        try await eventually("a check in the background") { credentials.checkCount == 2 }
    }

    @Test("calls at the same time share a check, and a check is not repeated within 5 s")
    func shared() async throws {
        let router = try await credentials.checkedRouter("1a")
        credentials.waitForCalls(count: 20)
        let outcomes = await withTaskGroup(of: String.self) { tasks in
            for _ in 0..<20 { tasks.addTask { await verify(router) } }
            return await tasks.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        // A call whose proof was rejected after the check began would need another check.
        #expect(outcomes.keys.allSatisfy { ["rejected proofRejected", "failed providerBusy"].contains($0) }, "\(outcomes)")
        #expect(outcomes["rejected proofRejected", default: 0] > 0, "\(outcomes)")
        #expect(credentials.checkCount == 2)
        credentials.clock.advance(by: .seconds(1))
        #expect(await verify(router) == "failed providerBusy")
        #expect(credentials.checkCount == 2)
    }

    @Test("a check that may begin soon is waited for")
    func soon() async throws {
        let router = try await credentials.checkedRouter("1a")
        #expect(await verify(router) == "rejected proofRejected")
        credentials.clock.advance(by: .milliseconds(4_500))
        async let outcome = verify(router)
        try await eventually("a rejected proof") { credentials.takeCalls().count >= 1 }
        credentials.clock.advance(by: .milliseconds(500))
        #expect(await outcome == "rejected proofRejected")
        #expect(credentials.checkCount == 3)
    }

    @Test("the first failed check, the first response that rejects a credential, and the next success are observed")
    func observed() async throws {
        let seen = NIOLockedValueBox<[String]>([])
        let router = credentials.router("1a") { application, failure in
            seen.withLockedValue { $0.append("\(application) \(failure.map { "\($0.code)" } ?? "works")") }
        }
        for (response, expected) in [
            (.valid, []), (Self.wrongSecret, ["1 providerUnavailable"]), (Self.wrongSecret, ["1 providerUnavailable"]),
            (.failure(.providerMisconfigured, .credential), ["1 providerUnavailable", "1 providerMisconfigured"]),
            (.valid, ["1 providerUnavailable", "1 providerMisconfigured", "1 works"]),
        ] as [(ScriptedCredentials.Response, [String])] {
            credentials.check("1a", gives: response)
            let before = credentials.checkCount
            try await eventually("a check") {
                router.checkCredentials()
                // Another one may have begun meanwhile.
                return credentials.checkCount > before
            }
            try await eventually("the observer is called") { seen.withLockedValue { $0 } == expected }
            credentials.clock.advance(by: .seconds(5))
        }
    }
}
