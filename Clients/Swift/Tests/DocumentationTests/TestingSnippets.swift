import DoormanClient
import DoormanTesting
import Testing

// The article on testing, as tests.

struct Greeter {
    let doorman: any TokenVerifying

    func greeting(for token: String) async -> String {
        do {
            let identity = try await doorman.verify(token)
            return "Hello, \(identity.accountID)"
        } catch {
            return error.refusal != nil ? "Log in again" : "Try again later"
        }
    }
}

@Suite("The greeter")
struct GreeterTests {
    private let doorman = ScriptedVerifier(["token of Ada": .identity(.sample(accountID: "1"))])

    @Test("greets whom Doorman knows")
    func known() async {
        #expect(await Greeter(doorman: doorman).greeting(for: "token of Ada") == "Hello, 1")
        #expect(doorman.questions.map(\.token) == [Token("token of Ada")])
    }

    @Test("logs out whose token is refused")
    func refused() async {
        #expect(await Greeter(doorman: doorman).greeting(for: "token of Eve") == "Log in again")
    }
}

extension GreeterTests {
    @Test("logs nobody out when Doorman can't be asked")
    func outage() async {
        doorman.say(.couldNotAsk(.providerUnavailable), about: "token of Ada")
        #expect(await Greeter(doorman: doorman).greeting(for: "token of Ada") == "Try again later")
    }

    @Test("does not wait for ever")
    func silence() async throws {
        doorman.otherwise = .silence
        await #expect(throws: DoormanError.self) {
            try await doorman.verify("token of Eve", timeout: .milliseconds(50))
        }
    }
}
