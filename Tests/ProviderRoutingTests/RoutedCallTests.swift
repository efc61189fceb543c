import DoormanCore
import DoormanSupport
import ProviderRouting
import TestKit
import Testing

@Suite("Routed exchanges and revocations")
struct RoutedCallTests {
    typealias Responses = [String: ScriptedCredentials.Response]

    static let wrongSecret = ScriptedCredentials.Response.failure(.providerUnavailable, .credential)

    static func exchange(_ router: ApplicationRouter, as application: String? = nil) async -> String {
        do throws(VerificationError) {
            let request = ExchangeRequest(code: Sample.code, applicationID: application)
            switch try await router.exchange(request, deadline: Sample.deadline()) {
            case .issued(_, let identity): return "issued \(identity?.applicationID ?? "")"
            case .rejected(let rejection): return "rejected \(rejection.reason)"
            }
        } catch {
            return "failed \(error.code)"
        }
    }

    static func revoke(
        _ router: ApplicationRouter, _ subject: RevocationRequest.Subject, as application: String? = nil
    ) async -> String {
        do throws(VerificationError) {
            let request = RevocationRequest(subject, applicationID: application)
            _ = try await router.revoke(request, deadline: Sample.deadline())
            return "done"
        } catch {
            return "failed \(error.code)"
        }
    }

    @Test("a code is exchanged only as its own application")
    func exchangedAs() async {
        let credentials = ScriptedCredentials(["1a": .valid, "2a": .valid])
        #expect(await Self.exchange(credentials.router("1a")) == "issued 1")
        #expect(await Self.exchange(credentials.router("1a 2a"), as: "2") == "issued 2")
        #expect(credentials.takeCalls() == ["1a", "2a"])
        #expect(await Self.exchange(credentials.router("1a 2a")) == "failed invalidRequest")
        #expect(await Self.exchange(credentials.router("1a 2a"), as: "3") == "failed invalidRequest")
        #expect(credentials.takeCalls().isEmpty)
    }

    @Test("an exchange that a wrong secret may have failed changes the secret for the next exchange")
    func alternating() async {
        let credentials = ScriptedCredentials(["1a": Self.wrongSecret, "1b": Self.wrongSecret])
        let router = credentials.router("1a 1b")
        for name in ["1a", "1b", "1a"] {
            #expect(await Self.exchange(router) == "failed providerUnavailable")
            #expect(credentials.takeCalls() == [name])
        }
        credentials.change("1b", to: .valid)
        for _ in 0..<3 {
            #expect(await Self.exchange(router) == "issued 1")
            #expect(credentials.takeCalls() == ["1b"])
        }
    }

    @Test("a failure that no wrong secret caused keeps the secret")
    func keeping() async {
        let credentials = ScriptedCredentials(["1a": .failure(.providerUnavailable), "1b": .valid])
        let router = credentials.router("1a 1b")
        #expect(await Self.exchange(router) == "failed providerUnavailable")
        credentials.change("1a", to: .invalidToken)
        #expect(await Self.exchange(router) == "rejected tokenRejected")
        #expect(await Self.exchange(router) == "rejected tokenRejected")
        #expect(credentials.takeCalls() == ["1a", "1a", "1a"])
    }

    @Test("two exchanges that fail together change the secret once")
    func failingTogether() async {
        let credentials = ScriptedCredentials(["1a": Self.wrongSecret, "1b": .valid])
        let router = credentials.router("1a 1b")
        credentials.waitForCalls(count: 2)
        async let first = Self.exchange(router)
        async let second = Self.exchange(router)
        #expect(await [first, second] == ["failed providerUnavailable", "failed providerUnavailable"])
        credentials.waitForCalls(count: 0)
        _ = credentials.takeCalls()
        #expect(await Self.exchange(router) == "issued 1")
        #expect(credentials.takeCalls() == ["1b"])
    }

    @Test("verifications share their preferred secret with exchanges")
    func shared() async {
        let credentials = ScriptedCredentials(["1a": .proofRejected, "1b": .valid])
        let router = credentials.router("1a 1b")
        #expect(await ApplicationRouterTests.verify(router) == "valid 1")
        #expect(credentials.takeCalls() == ["1a", "1b"])
        #expect(await Self.exchange(router) == "issued 1")
        #expect(await ApplicationRouterTests.verify(router) == "valid 1")
        #expect(credentials.takeCalls() == ["1b", "1b"])
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let application: String?
        let responses: Responses
        let calls: [String]
        let outcome: String

        init(_ name: String, as application: String? = nil, _ responses: Responses, _ calls: String, _ outcome: String) {
            testDescription = name
            self.application = application
            self.responses = responses
            self.calls = calls.split(separator: " ").map(String.init)
            self.outcome = outcome
        }
    }

    static let tokenRows = [
        Row("the first application is accepted", ["1a": .valid], "1a", "done"),
        Row("another application is accepted", ["1a": .proofRejected, "1b": .proofRejected, "2a": .valid], "1a 1b 2a", "done"),
        Row("the application of the request is tried first", as: "2", ["2a": .valid], "2a", "done"),
        Row(
            "the other applications are tried next", as: "2", ["2a": .proofRejected, "1a": .proofRejected, "1b": .valid],
            "2a 1a 1b", "done"),
        Row("a void token ends the search", ["1a": .invalidToken], "1a", "done"),
        Row(
            "no application is accepted", ["1a": .proofRejected, "1b": .proofRejected, "2a": .proofRejected], "1a 1b 2a",
            "failed providerMisconfigured"),
        Row(
            "an outage ends the search", ["1a": .proofRejected, "1b": .failure(.providerUnavailable)], "1a 1b",
            "failed providerUnavailable"),
        Row(
            "throttling of one application leaves another's token to be revoked",
            ["1a": .failure(.providerBusy), "1b": .failure(.providerBusy), "2a": .valid], "1a 1b 2a", "done"),
        Row("the named application is not configured", as: "9", [:], "", "failed invalidRequest"),
    ]

    @Test("a token is revoked as the first application that is accepted", arguments: tokenRows)
    func token(row: Row) async {
        let credentials = ScriptedCredentials(row.responses)
        #expect(await Self.revoke(credentials.router("1a 1b 2a"), .token(Sample.token), as: row.application) == row.outcome)
        #expect(credentials.takeCalls() == row.calls)
    }

    static let accountRows = [
        Row("the application must be named", ["1a": .valid], "", "failed invalidRequest"),
        Row("the named application is not configured", as: "9", [:], "", "failed invalidRequest"),
        Row("the first secret is accepted", as: "1", ["1a": .valid], "1a", "done"),
        Row(
            "the second secret is accepted", as: "1", ["1a": .failure(.providerMisconfigured, .credential), "1b": .valid], "1a 1b",
            "done"),
        Row(
            "the second secret is accepted after what may be an outage", as: "1", ["1a": wrongSecret, "1b": .valid], "1a 1b", "done"
        ),
        Row("no secret is accepted", as: "1", ["1a": wrongSecret, "1b": wrongSecret], "1a 1b", "failed providerUnavailable"),
        Row("an outage ends the search", as: "1", ["1a": .failure(.providerUnavailable)], "1a", "failed providerUnavailable"),
        Row("no other application is tried", as: "2", ["2a": wrongSecret, "1a": .valid], "2a", "failed providerUnavailable"),
    ]

    @Test("an account is revoked only as its own application", arguments: accountRows)
    func account(row: Row) async {
        let credentials = ScriptedCredentials(row.responses)
        #expect(await Self.revoke(credentials.router("1a 1b 2a"), .account("12345"), as: row.application) == row.outcome)
        #expect(credentials.takeCalls() == row.calls)
    }

    @Test("a revoked account needs no application where only one is configured")
    func onlyApplication() async {
        let credentials = ScriptedCredentials(["1a": Self.wrongSecret, "1b": .valid])
        let router = credentials.router("1a 1b")
        #expect(await Self.revoke(router, .account("12345")) == "done")
        #expect(await Self.revoke(router, .account("12345")) == "done")
        #expect(credentials.takeCalls() == ["1a", "1b", "1b"])
    }

    @Test("revoking a token does not change the preferred secret")
    func keepsPreferred() async {
        let credentials = ScriptedCredentials(["1a": .proofRejected, "1b": .invalidToken])
        let router = credentials.router("1a 1b")
        for _ in 0..<2 { #expect(await Self.revoke(router, .token(Sample.token)) == "done") }
        #expect(credentials.takeCalls() == ["1a", "1b", "1a", "1b"])
    }

    /// A call of each kind that a credential is sent with.
    private static let calls: [(name: String, call: @Sendable (ApplicationRouter) async -> Void)] = [
        ("verify", { _ = await ApplicationRouterTests.verify($0) }), ("exchange", { _ = await exchange($0) }),
        ("revoke a token", { _ = await revoke($0, .token(Sample.token)) }),
        ("revoke an account", { _ = await revoke($0, .account("12345")) }),
        ("list", { _ = try? await $0.accounts(AccountListRequest(), deadline: Sample.deadline()) }),
        ("delete", { try? await $0.deleteAccount(AccountDeletionRequest(accountID: "12345"), deadline: Sample.deadline()) }),
    ]

    @Test("a call of any kind shows that the provider rejects all credentials, until one works", arguments: calls.indices)
    func rejectedCredentials(_ index: Int) async throws {
        let refused = ScriptedCredentials.Response.failure(.providerMisconfigured, .credential)
        let credentials = ScriptedCredentials(["1a": .valid, "1b": .valid])
        let router = credentials.router("1a 1b")
        router.checkCredentials()
        try await eventually("the credentials are checked") { router.hasWorkingCredentials }
        #expect(!router.isCredentialRejected(of: "1"))
        credentials.change("1a", to: refused)
        await Self.calls[index].call(router)
        #expect(!router.isCredentialRejected(of: "1"), "the other one works")
        credentials.change("1b", to: refused)
        // An exchange tries one credential only.
        for _ in 0..<2 { await Self.calls[index].call(router) }
        #expect(router.isCredentialRejected(of: "1"))
        #expect(router.lastCheck(of: "1") == .succeeded, "no check has failed")
        credentials.change("1b", to: .valid)
        _ = await ApplicationRouterTests.verify(router)
        #expect(!router.isCredentialRejected(of: "1"))
    }

    @Test(
        "a failure that says nothing about the credential does not make it rejected",
        arguments: [
            .failure(.providerUnavailable), wrongSecret, .failure(.providerBusy), .failure(.deadlineExceeded), .proofRejected,
        ]
            as [ScriptedCredentials.Response])
    func undecided(response: ScriptedCredentials.Response) async {
        let credentials = ScriptedCredentials(["1a": response])
        let router = credentials.router("1a")
        _ = await ApplicationRouterTests.verify(router)
        #expect(!router.isCredentialRejected(of: "1"))
    }
}
