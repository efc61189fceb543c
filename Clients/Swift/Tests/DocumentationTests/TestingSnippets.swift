import DoormanClient
import DoormanTesting
import Testing

// Snippets of the article on testing.

struct Greeter {
    let doorman: any TokenVerifying

    func greeting(for token: String) async -> String {
        do {
            let identity = try await doorman.verify(token)
            return "Hello, \(identity.accountID)"
        } catch {
            return error.rejection != nil ? "Log in again" : "Try again later"
        }
    }
}

@Suite("The greeter")
struct GreeterTests {
    private let doorman = ScriptedVerifier(["token of Ada": .identity(.sample(accountID: "1"))])

    @Test("greets a user whose token is valid")
    func known() async {
        #expect(await Greeter(doorman: doorman).greeting(for: "token of Ada") == "Hello, 1")
        #expect(doorman.requests.map(\.token) == [Token("token of Ada")])
    }

    @Test("logs a user out when the token is rejected")
    func rejected() async {
        #expect(await Greeter(doorman: doorman).greeting(for: "token of Eve") == "Log in again")
    }
}

extension GreeterTests {
    @Test("logs no user out when there is no verdict")
    func outage() async {
        doorman.say(.unavailable(.providerUnavailable), about: "token of Ada")
        #expect(await Greeter(doorman: doorman).greeting(for: "token of Ada") == "Try again later")
    }

    @Test("a silent server ends at the deadline")
    func silence() async throws {
        doorman.otherwise = .silence
        await #expect(throws: DoormanError.self) {
            try await doorman.verify("token of Eve", timeout: .milliseconds(50))
        }
    }
}
