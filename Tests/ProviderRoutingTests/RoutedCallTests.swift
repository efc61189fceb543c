import DoormanCore
import DoormanSupport
import ProviderRouting
import Testing

@Suite("Exchanging and revoking with several applications and secrets")
struct RoutedCallTests {
    typealias Sayings = [String: ScriptedCredentials.Saying]

    static let wrongSecret = ScriptedCredentials.Saying.fails(.providerUnavailable, .credential)

    static func exchange(_ router: ApplicationRouter, as application: String? = nil) async -> String {
        do throws(VerificationError) {
            let request = ExchangeRequest(code: Sample.code, applicationID: application)
            switch try await router.exchange(request, deadline: Sample.deadline()) {
            case .issued(_, let identity): return "issued \(identity?.applicationID ?? "")"
            case .rejected(let rejection): return "refused \(rejection.reason)"
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
            try await router.revoke(request, deadline: Sample.deadline())
            return "done"
        } catch {
            return "failed \(error.code)"
        }
    }

    @Test("a code is exchanged as the application it was made for, or the only one there is; nobody guesses")
    func exchangedAs() async {
        let world = ScriptedCredentials(["1a": .yes, "2a": .yes])
        #expect(await Self.exchange(world.router("1a")) == "issued 1")
        #expect(await Self.exchange(world.router("1a 2a"), as: "2") == "issued 2")
        #expect(world.takeCalls() == ["1a", "2a"])
        #expect(await Self.exchange(world.router("1a 2a")) == "failed invalidRequest")
        #expect(await Self.exchange(world.router("1a 2a"), as: "3") == "failed invalidRequest")
        #expect(world.takeCalls().isEmpty)
    }

    @Test("an exchange is sent once; after a failure that a wrong secret may have caused the next one uses the other")
    func alternating() async {
        let world = ScriptedCredentials(["1a": Self.wrongSecret, "1b": Self.wrongSecret])
        let router = world.router("1a 1b")
        for name in ["1a", "1b", "1a"] {
            #expect(await Self.exchange(router) == "failed providerUnavailable")
            #expect(world.takeCalls() == [name])
        }
        world.change("1b", to: .yes)
        for _ in 0..<3 {
            #expect(await Self.exchange(router) == "issued 1")
            #expect(world.takeCalls() == ["1b"])
        }
    }

    @Test("an outage and a bad code don't change the secret")
    func keeping() async {
        let world = ScriptedCredentials(["1a": .fails(.providerUnavailable), "1b": .yes])
        let router = world.router("1a 1b")
        #expect(await Self.exchange(router) == "failed providerUnavailable")
        world.change("1a", to: .void)
        #expect(await Self.exchange(router) == "refused tokenRejected")
        #expect(await Self.exchange(router) == "refused tokenRejected")
        #expect(world.takeCalls() == ["1a", "1a", "1a"])
    }

    @Test("two exchanges that fail together change the secret once")
    func failingTogether() async {
        let world = ScriptedCredentials(["1a": Self.wrongSecret, "1b": .yes])
        let router = world.router("1a 1b")
        world.answersAfter(calls: 2)
        async let first = Self.exchange(router)
        async let second = Self.exchange(router)
        #expect(await [first, second] == ["failed providerUnavailable", "failed providerUnavailable"])
        world.answersAfter(calls: 0)
        _ = world.takeCalls()
        #expect(await Self.exchange(router) == "issued 1")
        #expect(world.takeCalls() == ["1b"])
    }

    @Test("what a verification learned of the secrets serves the exchange, and the other way round")
    func shared() async {
        let world = ScriptedCredentials(["1a": .proofWrong, "1b": .yes])
        let router = world.router("1a 1b")
        #expect(await ApplicationRouterTests.verify(router) == "OK 1")
        #expect(world.takeCalls() == ["1a", "1b"])
        #expect(await Self.exchange(router) == "issued 1")
        #expect(await ApplicationRouterTests.verify(router) == "OK 1")
        #expect(world.takeCalls() == ["1b", "1b"])
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let application: String?
        let sayings: Sayings
        let calls: [String]
        let outcome: String

        init(_ name: String, as application: String? = nil, _ sayings: Sayings, _ calls: String, _ outcome: String) {
            testDescription = name
            self.application = application
            self.sayings = sayings
            self.calls = calls.split(separator: " ").map(String.init)
            self.outcome = outcome
        }
    }

    static let tokenRows = [
        Row("the first may", ["1a": .yes], "1a", "done"),
        Row("another application may", ["1a": .proofWrong, "1b": .proofWrong, "2a": .yes], "1a 1b 2a", "done"),
        Row("the one of the request is asked first", as: "2", ["2a": .yes], "2a", "done"),
        Row("and then the others", as: "2", ["2a": .proofWrong, "1a": .proofWrong, "1b": .yes], "2a 1a 1b", "done"),
        Row("a void token is void for all", ["1a": .void], "1a", "done"),
        Row("none may", ["1a": .proofWrong, "1b": .proofWrong, "2a": .proofWrong], "1a 1b 2a", "failed providerMisconfigured"),
        Row("an outage ends it", ["1a": .proofWrong, "1b": .fails(.providerUnavailable)], "1a 1b", "failed providerUnavailable"),
        Row("none of ours is named", as: "9", [:], "", "failed invalidRequest"),
    ]

    @Test("a token is revoked as whichever application may", arguments: tokenRows)
    func token(row: Row) async {
        let world = ScriptedCredentials(row.sayings)
        #expect(await Self.revoke(world.router("1a 1b 2a"), .token(Sample.token), as: row.application) == row.outcome)
        #expect(world.takeCalls() == row.calls)
    }

    static let accountRows = [
        Row("it must be named", ["1a": .yes], "", "failed invalidRequest"),
        Row("none of ours is named", as: "9", [:], "", "failed invalidRequest"),
        Row("the first secret is right", as: "1", ["1a": .yes], "1a", "done"),
        Row("the second is", as: "1", ["1a": .fails(.providerMisconfigured, .credential), "1b": .yes], "1a 1b", "done"),
        Row("the second is, and the first looks like an outage", as: "1", ["1a": wrongSecret, "1b": .yes], "1a 1b", "done"),
        Row("neither is", as: "1", ["1a": wrongSecret, "1b": wrongSecret], "1a 1b", "failed providerUnavailable"),
        Row("an outage ends it", as: "1", ["1a": .fails(.providerUnavailable)], "1a", "failed providerUnavailable"),
        Row("no other application is asked", as: "2", ["2a": wrongSecret, "1a": .yes], "2a", "failed providerUnavailable"),
    ]

    @Test("an account is logged out as its application alone, with either secret", arguments: accountRows)
    func account(row: Row) async {
        let world = ScriptedCredentials(row.sayings)
        #expect(await Self.revoke(world.router("1a 1b 2a"), .account("12345"), as: row.application) == row.outcome)
        #expect(world.takeCalls() == row.calls)
    }

    @Test("an account needs no application where there is only one, and settles the secret")
    func onlyApplication() async {
        let world = ScriptedCredentials(["1a": Self.wrongSecret, "1b": .yes])
        let router = world.router("1a 1b")
        #expect(await Self.revoke(router, .account("12345")) == "done")
        #expect(await Self.revoke(router, .account("12345")) == "done")
        #expect(world.takeCalls() == ["1a", "1b", "1b"])
    }

    @Test("revoking a token that may have been void before settles nothing")
    func unsettled() async {
        let world = ScriptedCredentials(["1a": .proofWrong, "1b": .void])
        let router = world.router("1a 1b")
        for _ in 0..<2 { #expect(await Self.revoke(router, .token(Sample.token)) == "done") }
        #expect(world.takeCalls() == ["1a", "1b", "1a", "1b"])
    }
}
