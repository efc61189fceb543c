import Foundation
import TestKit
import Testing

@Suite("doorman dev login", .timeLimit(.minutes(2)))
struct LoginTests {
    /// Runs `doorman` against the stack.
    private func doorman(_ stack: Stack, _ arguments: [String], input: String = "") async throws -> ChildProcess {
        let program = try ChildProcess(
            ChildProcess.built("doorman"), arguments + ["--timeout", "20s"],
            environment: [
                "DOORMAN_ADDRESS": "127.0.0.1:\(stack.port)", "DOORMAN_EMULATOR": stack.emulator.baseURL,
                "SWIFT_BACKTRACE": "enable=no",
            ], input: input)
        _ = try await program.ending()
        return program
    }

    @Test(
        "prints a token that verify accepts",
        arguments: [["--phone", "+15551234567"], ["--email", "a@example.com"]])
    func token(contact: [String]) async throws {
        try await Stack.run { stack in
            let login = try await doorman(stack, ["dev", "login"] + contact)
            #expect(login.errorOutput.isEmpty && login.output.hasPrefix("EMAW") && login.output.filter { $0 == "\n" }.count == 1)
            let verify = try await doorman(stack, ["verify"], input: login.output)
            #expect(verify.output.contains(contact[1]), "\(verify.allOutput)")
        }
    }

    @Test("prints a code that exchange accepts")
    func code() async throws {
        try await Stack.run { stack in
            let login = try await doorman(stack, ["dev", "login", "--phone", "+15551234567", "--code", "--address", "127.0.0.1:1"])
            #expect(login.errorOutput.isEmpty && login.output.hasPrefix("AQ"))
            let exchange = try await doorman(stack, ["exchange"], input: login.output)
            #expect(exchange.output.hasPrefix("token:"), "\(exchange.errorOutput)")
        }
    }

    @Test("prints a JSON object with --json")
    func json() async throws {
        try await Stack.run { stack in
            let login = try await doorman(
                stack, ["dev", "login", "--phone", "+15551234567", "--application", Stack.ours.id, "--json"])
            let object = try #require(try JSONSerialization.jsonObject(with: Data(login.output.utf8)) as? [String: String])
            #expect(object["outcome"] == "logged_in" && object["token"]?.hasPrefix("EMAW") == true)
            #expect(object["account_id"].map { $0.allSatisfy(\.isNumber) } == true)
        }
    }

    @Test("prints one line with the next step after a failure")
    func failures() async throws {
        try await Stack.run { stack in
            let doormand = "127.0.0.1:\(stack.port)"
            for (arguments, status, words) in [
                (["--phone", "5"], 2, "the emulator at \(stack.emulator.baseURL) rejects the login: phone: must be"),
                (["--phone", "+15551234567", "--application", "1"], 2, "rejects the login: app: no app has this id"),
                (["--phone", "+15551234567", "--emulator", doormand], 3, "is not account-kit-emulator"),
                (["--phone", "+15551234567", "--emulator", "127.0.0.1:1"], 3, "Start account-kit-emulator"),
                (["--phone", "+15551234567", "--emulator", "https://127.0.0.1:1"], 2, "--emulator must begin with http://"),
                (["--phone", "+15551234567", "--emulator", "graph.accountkit.com"], 2, "--emulator must be on this machine"),
                ([], 2, "give either --phone or --email"),
                (["--phone", "+15551234567", "--application", Stack.strangers.id], 2, "Check the application"),
            ] as [([String], Int32, String)] {
                let login = try await doorman(stack, ["dev", "login"] + arguments)
                #expect(try await login.ending() == status, "\(arguments): \(login.allOutput)")
                #expect(login.errorOutput.contains(words), "\(login.allOutput)")
                #expect(login.output.isEmpty && login.errorOutput.filter { $0 == "\n" }.count == 1, "\(login.allOutput)")
            }
        }
    }
}
