import DoormanCore
import DoormanSupport
import NIOConcurrencyHelpers
import ProviderRouting
import TestKit
import Testing

/// A check of the credential sends a random text. A provider that calls it active would call any text active.
@Suite("A provider that calls a random text active")
struct DistrustedProviderTests {
    private static let distrusted: ScriptedCredentials.Response = .failure(.providerMisconfigured, .verdicts)

    private let credentials = ScriptedCredentials(["1a": .valid, "1b": .valid, "2a": .valid])

    private func verify(_ router: ApplicationRouter) async -> String { await ApplicationRouterTests.verify(router) }

    /// Returns a router whose first check has found the provider.
    private func distrustedRouter(_ names: String = "1a") async throws -> ApplicationRouter {
        credentials.check("1a", gives: Self.distrusted)
        let router = credentials.router(names)
        router.checkCredentials()
        try await eventually("the first check ends") { router.hasCheckedCredentials }
        #expect(router.lastCheck(of: "1") == .distrusted)
        return router
    }

    @Test("no verdict of it is believed until a check succeeds")
    func untilCheck() async throws {
        let router = try await distrustedRouter()
        #expect(await verify(router) == "failed providerMisconfigured")
        #expect(credentials.takeCalls().isEmpty, "the provider gets no token")
        credentials.check("1a", gives: .valid)
        credentials.clock.advance(by: .seconds(5))
        #expect(await verify(router) == "valid 1")
        #expect(router.lastCheck(of: "1") == .succeeded)
    }

    @Test("calls repeat the check at most once in 5 s")
    func pace() async throws {
        let router = try await distrustedRouter()
        for second in 0..<11 {
            for _ in 0..<10 { #expect(await verify(router) == "failed providerMisconfigured", "\(second)") }
            credentials.clock.advance(by: .seconds(1))
        }
        // The first check, and those after 0, 5 and 10 seconds.
        #expect(credentials.checkCount == 4)
    }

    @Test("calls at the same time wait for one check")
    func shared() async throws {
        let router = try await distrustedRouter()
        credentials.check("1a", gives: .valid)
        credentials.holdChecks(true)
        let first = Task { await verify(router) }
        try await eventually("a check is in flight") { credentials.checkCount == 2 }
        // Some of them wait for it, and others may come after it.
        let others = (0..<20).map { _ in Task { await verify(router) } }
        credentials.holdChecks(false)
        for call in [first] + others { #expect(await call.value == "valid 1") }
        #expect(credentials.checkCount == 2)
    }

    @Test(
        "a check without a response leaves it as it is",
        arguments: [.providerUnavailable, .deadlineExceeded] as [VerificationError.Code])
    func unanswered(code: VerificationError.Code) async throws {
        let router = try await distrustedRouter()
        credentials.check("1a", gives: .failure(code))
        #expect(await verify(router) == "failed providerMisconfigured")
        #expect(credentials.checkCount == 2)
        #expect(router.lastCheck(of: "1") == .distrusted)
        #expect(credentials.takeCalls().isEmpty)
    }

    @Test("a verdict that arrives after the check is not believed")
    func lateVerdict() async throws {
        let router = credentials.router("1a")
        credentials.waitForCalls(count: 2)
        let call = Task { await verify(router) }
        credentials.check("1a", gives: Self.distrusted)
        router.checkCredentials()
        try await eventually("the check ends") { router.lastCheck(of: "1") == .distrusted }
        credentials.waitForCalls(count: 0)
        #expect(await call.value == "failed providerMisconfigured")
        #expect(router.lastCheck(of: "1") == .distrusted, "a call that succeeds shows nothing")
    }

    @Test("another secret does not make up for it")
    func otherSecret() async throws {
        _ = try await distrustedRouter("1a 1b")
        #expect(credentials.checkCount == 1)
    }

    @Test("a rejected first secret does not hide it")
    func rejectedSecret() async throws {
        credentials.check("1a", gives: .failure(.providerMisconfigured, .credential))
        credentials.check("1b", gives: Self.distrusted)
        let router = credentials.router("1a 1b")
        router.checkCredentials()
        try await eventually("the check ends") { router.hasCheckedCredentials }
        #expect(router.lastCheck(of: "1") == .distrusted)
        #expect(await verify(router) == "failed providerMisconfigured")
    }

    @Test("a router that replaces the first one believes it as little")
    func replacement() async throws {
        let provider = ScriptedProvider()
        provider.credentialChecks.script { _ in
            .failure(VerificationError(.providerMisconfigured, "active", scope: .verdicts, request: .responded))
        }
        let router = ApplicationRouter(
            [.init(provider: "account-kit", id: "1", credentials: [provider], lastCheck: .distrusted)],
            timeSource: credentials.clock.timeSource,
            chargeExtraRequest: { _ in })
        #expect(await verify(router) == "failed providerMisconfigured")
        #expect(provider.callCount == 0)
    }

    @Test("the change is observed, and so is its end")
    func observed() async throws {
        let seen = NIOLockedValueBox<[String]>([])
        credentials.check("1a", gives: Self.distrusted)
        let router = credentials.router("1a") { application, failure in
            seen.withLockedValue { $0.append("\(application) \(failure.map { "\($0.scope)" } ?? "works")") }
        }
        router.checkCredentials()
        try await eventually("the observer is called") { seen.withLockedValue { $0 } == ["1 verdicts"] }
        credentials.check("1a", gives: .valid)
        #expect(await verify(router) == "valid 1")
        #expect(seen.withLockedValue { $0 } == ["1 verdicts", "1 works"])
    }
}

@Suite("The first check of credentials")
struct FirstCheckTests {
    private let credentials = ScriptedCredentials(["1a": .valid, "2a": .valid])

    @Test(
        "it has ended once each application has an outcome, well or not",
        arguments: [
            .valid, .failure(.providerUnavailable), .failure(.providerBusy), .failure(.deadlineExceeded), .failure(.unsupported),
            .failure(.providerMisconfigured, .credential), .failure(.providerMisconfigured, .verdicts),
        ] as [ScriptedCredentials.Response])
    func outcomes(response: ScriptedCredentials.Response) async throws {
        let router = credentials.router("1a 2a")
        #expect(!router.hasCheckedCredentials)
        credentials.check("2a", gives: response)
        router.checkCredentials()
        try await eventually("both checks end") { router.hasCheckedCredentials }
    }

    @Test("a provider that hangs ends it by the time-out of the check")
    func hanging() async throws {
        let (provider, clock) = (ScriptedProvider(), credentials.clock)
        // As a transport does: a request ends at its deadline.
        provider.credentialChecks.script { _ in
            let deadline = provider.credentialChecks.deadlines[0]
            try? await eventually("the deadline passes") { deadline.hasPassed(at: clock.now) }
            return .failure(VerificationError(.deadlineExceeded, "slow", request: .sent))
        }
        let router = ApplicationRouter(
            [.init(provider: "account-kit", id: "1", credentials: [provider, provider])], timeSource: clock.timeSource,
            checkTimeout: .seconds(3),
            chargeExtraRequest: { _ in })
        router.checkCredentials()
        try await eventually("the check has begun") { provider.credentialChecks.count == 1 }
        #expect(provider.credentialChecks.deadlines == [Deadline(clock.now.advanced(by: .seconds(3)))])
        clock.advance(by: .milliseconds(2999))
        #expect(!router.hasCheckedCredentials)
        clock.advance(by: .milliseconds(1))
        try await eventually("the check ends") { router.hasCheckedCredentials }
        #expect(provider.credentialChecks.count == 1, "no second secret is tried")
    }

    @Test("it has not ended while one application waits")
    func waiting() async throws {
        let router = credentials.router("1a 2a")
        credentials.holdChecks(true)
        router.checkCredentials()
        try await eventually("both checks have begun") { credentials.checkCount == 2 }
        #expect(!router.hasCheckedCredentials)
        credentials.holdChecks(false)
        try await eventually("both checks end") { router.hasCheckedCredentials }
    }
}
