import DoormanCore
import DoormanSupport
import ProviderRouting
import TestKit
import Testing

@Suite("Application router")
struct ApplicationRouterTests {
    typealias Responses = [String: ScriptedCredentials.Response]

    /// A request, Account Kit's response to each credential, the expected order of calls, and the expected outcome.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var known: String?
        var application: String?
        let responses: Responses
        let calls: [String]
        let outcome: String

        init(
            _ name: String, known: String? = nil, application: String? = nil, _ responses: Responses, _ calls: String,
            _ outcome: String
        ) {
            testDescription = name
            self.known = known
            self.application = application
            self.responses = responses
            self.calls = calls.split(separator: " ").map(String.init)
            self.outcome = outcome
        }
    }

    static func verify(
        _ router: ApplicationRouter, token: Token = Sample.token, known: String? = nil, application: String? = nil
    ) async -> String {
        do throws(VerificationError) {
            let request = VerificationRequest(
                token: token, requirements: TokenRequirements(applicationID: application),
                known: known.map { ProviderTarget(applicationID: $0) })
            switch try await router.verify(request, deadline: Sample.deadline()) {
            case .valid(let identity): return "valid \(identity.applicationID)"
            case .forbidden(let forbidden): return "forbidden \(forbidden.reason)"
            case .rejected(let rejection): return "rejected \(rejection.reason)"
            }
        } catch {
            return "failed \(error.code)"
        }
    }

    @Test("the equivalents of a token are those of its provider")
    func equivalents() {
        let provider = ScriptedProvider()
        provider.equivalentTokens.withLockedValue { $0 = [Token("twin")] }
        let router = ApplicationRouter(
            [ApplicationRouter.Application(provider: "partner", id: "1", credentials: [provider], preferred: 0)],
            timeSource: SteppedClock().timeSource, chargeExtraRequest: { _ in }, observer: { _, _ in })
        #expect(router.equivalents(of: Sample.token, naming: nil) == [Token("twin")])
    }

    static let allProofsRejected: Responses = [
        "1a": .proofRejected, "1b": .proofRejected, "2a": .proofRejected, "3a": .proofRejected, "3b": .proofRejected,
    ]

    static func all(but others: Responses) -> Responses { allProofsRejected.merging(others) { $1 } }

    static let rows = [
        Row("the first credential is accepted", all(but: ["1a": .valid]), "1a", "valid 1"),
        Row("its second secret is accepted", all(but: ["1b": .valid]), "1a 1b", "valid 1"),
        Row("the last credential is accepted", all(but: ["3b": .valid]), "1a 1b 2a 3a 3b", "valid 3"),
        Row("the known application is tried first", known: "3", all(but: ["3a": .valid]), "3a", "valid 3"),
        Row(
            "the known application rejects its own token's proof", known: "3", all(but: ["2a": .valid]), "3a 3b",
            "failed providerMisconfigured"),
        Row("the known application is not configured", known: "9", all(but: ["1a": .valid]), "1a", "valid 1"),
        Row("a named application is tried first", application: "2", all(but: ["3a": .valid]), "2a 1a 1b 3a", "valid 3"),
        Row("a named application with its second secret", application: "3", all(but: ["3b": .valid]), "3a 3b", "valid 3"),
        Row(
            "a rejection by another application is not the named application's", application: "2", all(but: ["1a": .invalidToken]),
            "2a 1a 3a 3b 2a 3a", "rejected proofRejected"),
        Row(
            "a rejection by another application does not hide an error of the named application", application: "2",
            all(but: ["2a": .failure(.providerMisconfigured, .credential), "1a": .invalidToken, "3a": .invalidToken]), "2a 1a 3a",
            "failed providerMisconfigured"),
        Row(
            "the known application's rejection is final, whatever the call names", known: "3", application: "2",
            all(but: ["3a": .invalidToken]), "3a", "rejected tokenRejected"),
        Row(
            "the named application's own rejection is final", application: "2", all(but: ["2a": .invalidToken]), "2a",
            "rejected tokenRejected"),
        Row(
            "a named application that is not configured", application: "9", allProofsRejected, "1a 1b 2a 3a 3b",
            "rejected wrongApplication"),
        Row(
            "trouble of the known application costs the others nothing", known: "3", all(but: ["3a": .failure(.providerBusy)]),
            "3a",
            "failed providerBusy"),
        Row(
            "a wrong secret of the known application costs the others nothing", known: "2",
            all(but: ["2a": .failure(.providerMisconfigured, .credential)]), "2a", "failed providerMisconfigured"),
        Row(
            "every proof is rejected, and so are those of the secrets that work", allProofsRejected, "1a 1b 2a 3a 3b 1a 2a 3a",
            "rejected proofRejected"),
        Row("an invalid token ends the search", all(but: ["1a": .invalidToken]), "1a", "rejected tokenRejected"),
        Row("an invalid token, found with the second secret", all(but: ["1b": .invalidToken]), "1a 1b", "rejected tokenRejected"),
        Row(
            "every application says wrong application",
            ["1a": .wrongApplication, "2a": .wrongApplication, "3a": .wrongApplication], "1a 2a 3a",
            "rejected wrongApplication"),
        Row(
            "one proof is rejected among wrong applications",
            ["1a": .wrongApplication, "2a": .proofRejected, "3a": .wrongApplication], "1a 2a 3a 2a", "rejected proofRejected"),
        Row(
            "a wrong application skips its second secret", ["1a": .wrongApplication, "2a": .valid], "1a 2a",
            "valid 2"),
        Row("an outage ends the search", all(but: ["1a": .failure(.providerUnavailable)]), "1a", "failed providerUnavailable"),
        Row(
            "an outage after a rejected proof is no rejection", all(but: ["2a": .failure(.providerUnavailable)]), "1a 1b 2a",
            "failed providerUnavailable"),
        Row(
            "a malformed response ends the search", all(but: ["1a": .failure(.providerUnavailable, .request)]), "1a",
            "failed providerUnavailable"),
        Row(
            "throttling of one application is no rejection", all(but: ["1b": .failure(.providerBusy)]), "1a 1b 2a 3a 3b",
            "failed providerBusy"),
        Row(
            "throttling of one application leaves another's token valid", all(but: ["1a": .failure(.providerBusy), "2a": .valid]),
            "1a 2a", "valid 2"),
        Row(
            "throttling of one application hides another's rejection",
            all(but: ["1a": .failure(.providerBusy), "2a": .invalidToken, "3a": .invalidToken]), "1a 2a 3a",
            "failed providerBusy"),
        Row(
            "a wrong secret of one application hides another's rejection",
            all(but: ["1b": .failure(.providerMisconfigured, .credential), "2a": .invalidToken, "3a": .invalidToken]),
            "1a 1b 2a 3a",
            "failed providerMisconfigured"),
        Row(
            "a passed deadline ends the search", all(but: ["2a": .failure(.deadlineExceeded)]), "1a 1b 2a",
            "failed deadlineExceeded"),
        Row(
            "a misconfigured application leaves another's token valid",
            all(but: ["1a": .failure(.providerMisconfigured, .credential), "2a": .valid]), "1a 1b 2a", "valid 2"),
        Row(
            "a misconfigured secret is no rejection", all(but: ["1b": .failure(.providerMisconfigured, .credential)]),
            "1a 1b 2a 3a 3b",
            "failed providerMisconfigured"),
    ]

    @Test("only a result about the token itself rejects it", arguments: rows)
    func verifying(row: Row) async throws {
        let credentials = ScriptedCredentials(row.responses)
        let router = try await credentials.checkedRouter("1a 1b 2a 3a 3b")
        #expect(await Self.verify(router, known: row.known, application: row.application) == row.outcome)
        #expect(credentials.takeCalls() == row.calls)
    }

    @Test("in no combination of results does a failure become a rejection")
    func everyCombination() async throws {
        let names = ["1a", "1b", "2a", "2b"]
        let all: [(response: ScriptedCredentials.Response, word: String)] = [
            (.valid, "valid"), (.invalidToken, "rejected"), (.proofRejected, "proof rejected"),
            (.wrongApplication, "wrong application"),
            (.failure(.providerUnavailable), "down"), (.failure(.providerMisconfigured, .credential), "misconfigured"),
        ]
        for combination in 0..<(6 * 6 * 6 * 6) {
            let chosen = [1, 6, 36, 216].map { all[combination / $0 % 6] }
            let credentials = ScriptedCredentials(Dictionary(uniqueKeysWithValues: zip(names, chosen.map(\.response))))
            let outcome = await Self.verify(try await credentials.checkedRouter("1a 1b 2a 2b"))
            let calls = credentials.takeCalls()
            // Calls with a secret that a check has confirmed follow the search.
            let called = calls.indices.filter { !calls[..<$0].contains(calls[$0]) }.map { calls[$0] }
            let results = called.compactMap { name in names.firstIndex(of: name).map { chosen[$0].word } }
            #expect(calls.count == called.count || outcome == "rejected proofRejected", "\(results)")
            let hasOtherFailure = zip(called, results).contains { $1 == "misconfigured" && $0.first != called.last?.first }
            let expected =
                switch results.last {
                case "valid": "valid \(called.last?.prefix(1) ?? "")"
                case "down": "failed providerUnavailable"
                case "rejected": hasOtherFailure ? "failed providerMisconfigured" : "rejected tokenRejected"
                case _ where results.contains("misconfigured"): "failed providerMisconfigured"
                case _ where results.contains("proof rejected"): "rejected proofRejected"
                default: "rejected wrongApplication"
                }
            #expect(outcome == expected, "\(results)")
            // Only a final result, or a wrong application for both secrets of that application, may leave a credential untried.
            if !["valid", "rejected", "down"].contains(results.last) {
                let untried = names.filter { !called.contains($0) }
                #expect(
                    untried.allSatisfy {
                        $0.hasSuffix("b") && results[called.firstIndex(of: "\($0.prefix(1))a") ?? 0] == "wrong application"
                    })
            }
        }
    }

    @Test("during a secret rotation no valid token is rejected")
    func rotation() async {
        for accepted in ["1a", "1b"] {
            let credentials = ScriptedCredentials(["1a": .proofRejected, "1b": .proofRejected])
            let router = credentials.router("1a 1b")
            credentials.change(accepted, to: .valid)
            #expect(await Self.verify(router) == "valid 1")
            #expect(credentials.takeCalls() == (accepted == "1a" ? ["1a"] : ["1a", "1b"]))
            #expect(await Self.verify(router) == "valid 1")
            #expect(credentials.takeCalls() == [accepted])
            let other = accepted == "1a" ? "1b" : "1a"
            credentials.change(accepted, to: .proofRejected)
            credentials.change(other, to: .valid)
            #expect(await Self.verify(router) == "valid 1")
            #expect(credentials.takeCalls() == [accepted, other])
            #expect(await Self.verify(router) == "valid 1")
            #expect(credentials.takeCalls() == [other])
        }
    }

    @Test("a result that does not depend on the secret does not change the preferred secret")
    func keepsPreferred() async {
        let credentials = ScriptedCredentials(["1a": .proofRejected, "1b": .invalidToken])
        let router = credentials.router("1a 1b")
        for _ in 0..<2 {
            #expect(await Self.verify(router) == "rejected tokenRejected")
            #expect(credentials.takeCalls() == ["1a", "1b"])
        }
    }

    @Test("each application has a preferred secret of its own")
    func apart() async {
        let credentials = ScriptedCredentials(["1a": .proofRejected, "1b": .valid, "2a": .valid, "2b": .proofRejected])
        let router = credentials.router("1a 1b 2a 2b")
        #expect(await Self.verify(router, application: "1") == "valid 1")
        #expect(await Self.verify(router, application: "2") == "valid 2")
        _ = credentials.takeCalls()
        #expect(await Self.verify(router, application: "1") == "valid 1")
        #expect(await Self.verify(router, application: "2") == "valid 2")
        #expect(credentials.takeCalls() == ["1b", "2a"])
    }

    @Test("a new router begins with the secret that worked last in the old router")
    func succession() async {
        let credentials = ScriptedCredentials(["1a": .proofRejected, "1b": .valid])
        let router = credentials.router("1a 1b")
        #expect(router.preferredCredential(of: "1") == 0)
        #expect(router.preferredCredential(of: "2") == nil)
        #expect(await Self.verify(router) == "valid 1")
        #expect(router.preferredCredential(of: "1") == 1)
        _ = credentials.takeCalls()
        #expect(await Self.verify(credentials.router("1a 1b", preferred: 1)) == "valid 1")
        #expect(credentials.takeCalls() == ["1b"])
    }

    @Test("a malformed token is rejected without a provider request")
    func syntax() {
        let credentials = ScriptedCredentials(["1a": .valid])
        let router = credentials.router("1a")
        #expect(router.validateSyntax(of: Token(""))?.reason == .malformedToken)
        #expect(router.validateSyntax(of: Sample.token) == nil)
        #expect(credentials.takeCalls().isEmpty)
    }
}
