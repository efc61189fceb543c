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

    @Test("prints a JWT of the emulator's issuer, for which it needs no server")
    func jwt() async throws {
        try await Stack.run { stack in
            let arguments = ["dev", "login", "--kind", "jwt", "--phone", "+15551234567", "--address", "127.0.0.1:1"]
            let claims = ["--audience", "a", "--audience", "b", "--scope", "read", "--lifetime", "1m"]
            let login = try await doorman(stack, arguments + claims)
            let parts = login.output.split(separator: ".")
            #expect(login.errorOutput.isEmpty && parts.count == 3 && login.output.filter { $0 == "\n" }.count == 1)
            let base64 = String(parts[1]).replacing("-", with: "+").replacing("_", with: "/")
            let padded = base64 + String(repeating: "=", count: (4 - base64.count % 4) % 4)
            let payload = String(decoding: try #require(Data(base64Encoded: padded)), as: UTF8.self)
            #expect(payload.contains(#""iss":"\#(stack.emulator.baseURL)/oidc""#), "\(payload)")
            #expect(payload.contains(#""aud":["a","b"]"#) && payload.contains(#""scope":"read""#), "\(payload)")
            let json = try await doorman(stack, arguments + ["--json"])
            #expect(json.output.hasPrefix(#"{"account_id":""#) && json.output.contains(#""token":"eyJ"#))
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
                (["--phone", "+15551234567", "--scope", "a"], 2, "--audience, --scope and --lifetime need --kind jwt"),
                (["--phone", "+15551234567", "--kind", "jwt", "--code"], 2, "--code needs --kind account-kit"),
                (["--phone", "+15551234567", "--kind", "jwt", "--lifetime", "1500ms"], 2, "--lifetime must be whole seconds"),
                (["--phone", "+15551234567", "--kind", "jwt", "--scope", "a  b"], 2, "rejects the login: scope: must be"),
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
