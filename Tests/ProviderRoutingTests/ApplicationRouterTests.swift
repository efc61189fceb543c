import DoormanCore
import DoormanSupport
import ProviderRouting
import Testing

@Suite("Several applications, and two secrets of one")
struct ApplicationRouterTests {
    typealias Sayings = [String: ScriptedCredentials.Saying]

    /// A question, what Account Kit says to each credential, who is asked in which order, and what comes out.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var likely: String?
        var audience: String?
        let sayings: Sayings
        let calls: [String]
        let outcome: String

        init(
            _ name: String, likely: String? = nil, audience: String? = nil, _ sayings: Sayings, _ calls: String, _ outcome: String
        ) {
            testDescription = name
            self.likely = likely
            self.audience = audience
            self.sayings = sayings
            self.calls = calls.split(separator: " ").map(String.init)
            self.outcome = outcome
        }
    }

    static func verify(
        _ router: ApplicationRouter, token: Token = Sample.token, likely: String? = nil, audience: String? = nil
    ) async -> String {
        do throws(VerificationError) {
            let request = VerificationRequest(token: token, applicationID: audience, likelyApplicationID: likely)
            switch try await router.verify(request, deadline: Sample.deadline()) {
            case .valid(let identity): return "OK \(identity.applicationID)"
            case .rejected(let rejection): return "refused \(rejection.reason)"
            }
        } catch {
            return "failed \(error.code)"
        }
    }

    static let nobodys: Sayings = ["1a": .proofWrong, "1b": .proofWrong, "2a": .proofWrong, "3a": .proofWrong, "3b": .proofWrong]

    static func all(but others: Sayings) -> Sayings { nobodys.merging(others) { $1 } }

    static let rows = [
        Row("the first takes it", all(but: ["1a": .yes]), "1a", "OK 1"),
        Row("its second secret does", all(but: ["1b": .yes]), "1a 1b", "OK 1"),
        Row("the last of all does", all(but: ["3b": .yes]), "1a 1b 2a 3a 3b", "OK 3"),
        Row("the likely one is asked first", likely: "3", all(but: ["3a": .yes]), "3a", "OK 3"),
        Row("the likely one is not it", likely: "3", all(but: ["2a": .yes]), "3a 3b 1a 1b 2a", "OK 2"),
        Row("nobody knows the likely one", likely: "9", all(but: ["1a": .yes]), "1a", "OK 1"),
        Row("an audience is asked as that alone", audience: "2", all(but: ["3a": .yes]), "2a", "refused proofRejected"),
        Row("an audience with its second secret", audience: "3", all(but: ["3b": .yes]), "3a 3b", "OK 3"),
        Row("an audience that is none of ours asks nobody", audience: "9", nobodys, "", "refused wrongApplication"),
        Row("every proof is wrong", nobodys, "1a 1b 2a 3a 3b", "refused proofRejected"),
        Row("a void token is void for all", all(but: ["1a": .void]), "1a", "refused tokenRejected"),
        Row("a void token, known from the second", all(but: ["1b": .void]), "1a 1b", "refused tokenRejected"),
        Row(
            "another application's by every answer",
            ["1a": .anotherApplication, "2a": .anotherApplication, "3a": .anotherApplication], "1a 2a 3a",
            "refused wrongApplication"),
        Row(
            "another application's by one answer, and a proof was wrong",
            ["1a": .anotherApplication, "2a": .proofWrong, "3a": .anotherApplication], "1a 2a 3a", "refused proofRejected"),
        Row(
            "an answer about another application is the same with every secret", ["1a": .anotherApplication, "2a": .yes], "1a 2a",
            "OK 2"),
        Row("an outage ends it", all(but: ["1a": .fails(.providerUnavailable)]), "1a", "failed providerUnavailable"),
        Row(
            "an outage in the middle is no refusal", all(but: ["2a": .fails(.providerUnavailable)]), "1a 1b 2a",
            "failed providerUnavailable"),
        Row("an odd answer too", all(but: ["1a": .fails(.providerUnavailable, .request)]), "1a", "failed providerUnavailable"),
        Row("throttling of one is no refusal", all(but: ["1b": .fails(.providerBusy)]), "1a 1b 2a 3a 3b", "failed providerBusy"),
        Row("nor does it keep another's token", all(but: ["1a": .fails(.providerBusy), "2a": .yes]), "1a 2a", "OK 2"),
        Row(
            "a void token is void all the same", all(but: ["1a": .fails(.providerBusy), "2a": .void]), "1a 2a",
            "refused tokenRejected"),
        Row("so does the deadline", all(but: ["2a": .fails(.deadlineExceeded)]), "1a 1b 2a", "failed deadlineExceeded"),
        Row(
            "whoever lacks a secret does not keep the others from answering",
            all(but: ["1a": .fails(.providerMisconfigured, .credential), "2a": .yes]), "1a 1b 2a", "OK 2"),
        Row(
            "but nobody is refused for that", all(but: ["1b": .fails(.providerMisconfigured, .credential)]), "1a 1b 2a 3a 3b",
            "failed providerMisconfigured"),
    ]

    @Test("a token's application is found, and nothing but an answer about the token refuses it", arguments: rows)
    func verifying(row: Row) async {
        let world = ScriptedCredentials(row.sayings)
        #expect(await Self.verify(world.router("1a 1b 2a 3a 3b"), likely: row.likely, audience: row.audience) == row.outcome)
        #expect(world.takeCalls() == row.calls)
    }

    @Test("whatever four credentials are told, no good token is refused and no failure becomes a refusal")
    func everyCombination() async {
        let names = ["1a", "1b", "2a", "2b"]
        let all: [(saying: ScriptedCredentials.Saying, word: String)] = [
            (.yes, "yes"), (.void, "void"), (.proofWrong, "proof"), (.anotherApplication, "other"),
            (.fails(.providerUnavailable), "down"), (.fails(.providerMisconfigured, .credential), "lacking"),
        ]
        for combination in 0..<(6 * 6 * 6 * 6) {
            let chosen = [1, 6, 36, 216].map { all[combination / $0 % 6] }
            let world = ScriptedCredentials(Dictionary(uniqueKeysWithValues: zip(names, chosen.map(\.saying))))
            let outcome = await Self.verify(world.router("1a 1b 2a 2b"))
            let asked = world.takeCalls()
            let heard = asked.compactMap { name in names.firstIndex(of: name).map { chosen[$0].word } }
            #expect(Set(asked).count == asked.count, "\(heard)")
            let expected =
                switch heard.last {
                case "yes": "OK \(asked.last?.prefix(1) ?? "")"
                case "void": "refused tokenRejected"
                case "down": "failed providerUnavailable"
                case _ where heard.contains("lacking"): "failed providerMisconfigured"
                case _ where heard.contains("proof"): "refused proofRejected"
                default: "refused wrongApplication"
                }
            #expect(outcome == expected, "\(heard)")
            // Nobody was left out but for an answer that holds for all: a final one, or another application's for both secrets.
            if !["yes", "void", "down"].contains(heard.last) {
                let leftOut = names.filter { !asked.contains($0) }
                #expect(leftOut.allSatisfy { $0.hasSuffix("b") && heard[asked.firstIndex(of: "\($0.prefix(1))a") ?? 0] == "other" })
            }
        }
    }

    @Test("while a secret is changed no good token is refused, and the next call asks once")
    func rotation() async {
        for accepted in ["1a", "1b"] {
            let world = ScriptedCredentials(["1a": .proofWrong, "1b": .proofWrong])
            let router = world.router("1a 1b")
            world.change(accepted, to: .yes)
            #expect(await Self.verify(router) == "OK 1")
            #expect(world.takeCalls() == (accepted == "1a" ? ["1a"] : ["1a", "1b"]))
            #expect(await Self.verify(router) == "OK 1")
            #expect(world.takeCalls() == [accepted])
            // And back, or on.
            let other = accepted == "1a" ? "1b" : "1a"
            world.change(accepted, to: .proofWrong)
            world.change(other, to: .yes)
            #expect(await Self.verify(router) == "OK 1")
            #expect(world.takeCalls() == [accepted, other])
            #expect(await Self.verify(router) == "OK 1")
            #expect(world.takeCalls() == [other])
        }
    }

    @Test("what says nothing of a secret changes nothing")
    func unsettled() async {
        let world = ScriptedCredentials(["1a": .proofWrong, "1b": .void])
        let router = world.router("1a 1b")
        for _ in 0..<2 {
            #expect(await Self.verify(router) == "refused tokenRejected")
            #expect(world.takeCalls() == ["1a", "1b"])
        }
    }

    @Test("each application remembers its own")
    func apart() async {
        let world = ScriptedCredentials(["1a": .proofWrong, "1b": .yes, "2a": .yes, "2b": .proofWrong])
        let router = world.router("1a 1b 2a 2b")
        #expect(await Self.verify(router, audience: "1") == "OK 1")
        #expect(await Self.verify(router, audience: "2") == "OK 2")
        _ = world.takeCalls()
        #expect(await Self.verify(router, audience: "1") == "OK 1")
        #expect(await Self.verify(router, audience: "2") == "OK 2")
        #expect(world.takeCalls() == ["1b", "2a"])
    }

    @Test("a successor can be told which secret worked last, and begins with that")
    func succession() async {
        let world = ScriptedCredentials(["1a": .proofWrong, "1b": .yes])
        let router = world.router("1a 1b")
        #expect(router.preferredCredential(of: "1") == 0)
        #expect(router.preferredCredential(of: "2") == nil)
        #expect(await Self.verify(router) == "OK 1")
        #expect(router.preferredCredential(of: "1") == 1)
        _ = world.takeCalls()
        #expect(await Self.verify(world.router("1a 1b", preferred: 1)) == "OK 1")
        #expect(world.takeCalls() == ["1b"])
    }

    @Test("what can't be a token is refused without asking")
    func form() {
        let world = ScriptedCredentials(["1a": .yes])
        let router = world.router("1a")
        #expect(router.validateSyntax(of: Token(""))?.reason == .malformedToken)
        #expect(router.validateSyntax(of: Sample.token) == nil)
        #expect(world.takeCalls().isEmpty)
    }

    @Test("a single credential's own words are passed on; of several, every secret is under suspicion")
    func words() async throws {
        let world = ScriptedCredentials(Self.nobodys)
        for (names, message) in [
            ("1a", "proof"),
            (
                "1a 1b",
                "Account Kit found every configured secret's proof wrong: a secret is wrong, or the token is another application's."
            ),
        ] {
            let verdict = try await world.router(names).verify(
                VerificationRequest(token: Sample.token), deadline: Sample.deadline())
            #expect(verdict.rejection?.message == message)
            #expect(verdict.rejection?.isCacheable == false)
        }
    }
}
