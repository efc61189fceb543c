import DoormanClient
import TestKit
import Testing

@testable import doorman

@Suite("doorman", .timeLimit(.minutes(2)))
struct ProgramTests {
    /// Runs the program against a server that responds with the vector.
    private func run(_ arguments: [String], vector: String, input: String = "EMAWtoken\n") async throws -> Program.Ending {
        let server = try VectorServer()
        let port = server.port
        async let ending = Program.run(
            arguments + ["--address", "127.0.0.1:\(port)", "--timeout", "1m"], input: input)
        try await server.answerOneCall(with: try GoldenVector.named(vector))
        return try await ending
    }

    @Test(
        "the exit code tells the outcome",
        arguments: [
            (["verify"], "response-verify-phone", 0), (["verify", "-", "--json"], "response-verify-stale", 0),
            (["exchange"], "response-exchange", 0), (["exchange"], "response-exchange-token-only", 0),
            (["revoke"], "response-revoke", 0), (["revoke", "--account", "1011", "--yes"], "response-revoke", 0),
            (["health"], "response-health-serving", 0), (["health"], "response-health-not-serving", 3),
            (["health"], "failure-service-unknown", 3),
            (["verify"], "failure-token-rejected", 1), (["verify", "--json"], "failure-wrong-application", 1),
            (["exchange"], "failure-token-rejected", 1), (["verify"], "failure-malformed-token", 1),
            (["verify"], "failure-unknown-reason", 3), (["verify"], "failure-provider-busy", 3),
            (["verify"], "failure-provider-misconfigured", 3), (["verify"], "malformed-http", 3),
            (["verify"], "failure-store-unavailable", 3), (["revoke"], "failure-store-unavailable", 3),
            (["verify", "--application", "x"], "failure-malformed-request", 2),
        ] as [([String], String, Int32)])
    func statuses(arguments: [String], vector: String, status: Int32) async throws {
        let ending = try await run(arguments, vector: vector)
        #expect(ending.status == status, "\(ending)")
        let failed = status != 0 && arguments != ["health"]
        #expect(ending.error.filter { $0 == "\n" }.count == (failed ? 1 : 0), "\(ending)")
        #expect(ending.output.isEmpty == (failed && !arguments.contains("--json")), "\(ending)")
        #expect(!ending.error.contains("EMAW"))
    }

    @Test("revoke warns of a server that it can't reach, and succeeds", arguments: [false, true])
    func unreachableServer(json: Bool) async throws {
        let server = try VectorServer()
        let addresses = ["127.0.0.1:\(server.port)", "unix:/nonexistent/doorman.sock"]
        async let ending = Program.run(
            ["revoke", "--address", addresses.joined(separator: ","), "--timeout", "1m"] + (json ? ["--json"] : []),
            input: "EMAWtoken")
        try await server.answerCalls(with: [try GoldenVector.named("response-revoke")])
        let expected = """
            {"confirmed":["\(addresses[0])"],"outcome":"revoked","unreachable":[{"message":"no connection to \(addresses[1]): the \
            socket file does not exist","reason":"UNREACHABLE","server":"\(addresses[1])"}]}

            """
        #expect(try await ending.status == 0)
        #expect(try await ending.output == (json ? expected : "revoked\n"))
        let error = try await ending.error
        #expect(error.hasPrefix("doorman: warning: \(addresses[1]) could not be reached: "), "\(error)")
        #expect(error.filter { $0 == "\n" }.count == 1, "\(error)")
    }

    @Test("revoke prints the position of the revocation in a fleet", arguments: [false, true])
    func position(json: Bool) async throws {
        let ending = try await run(["revoke"] + (json ? ["--json"] : []), vector: "response-revoke-position")
        #expect(ending.status == 0, "\(ending)")
        if json {
            #expect(ending.output.contains(#","position":"AY8wMTIzNDU2Nzg5","#), "\(ending)")
        } else {
            #expect(ending.output == "revoked\nposition:  AY8wMTIzNDU2Nzg5\n", "\(ending)")
        }
    }

    @Test("verify --not-before sends the position of a revocation")
    func notBefore() async throws {
        let server = try VectorServer()
        let port = server.port
        async let ending = Program.run(
            ["verify", "--not-before", "AY8wMTIzNDU2Nzg5", "--address", "127.0.0.1:\(port)", "--timeout", "1m"], input: "EMAWtoken")
        let call = try await server.answer(with: try GoldenVector.named("response-verify-phone"))
        #expect(try await ending.status == 0)
        // Field 6 with 12 bytes.
        let field: [UInt8] = [0x32, 12, 0x01, 0x8f] + Array("0123456789".utf8)
        #expect(call.indices.contains { call[$0...].starts(with: field) })
    }

    @Test("a revocation that one server fails says which servers confirmed it")
    func partialRevocation() throws {
        let (good, bad) = (ServerAddress(target: .hostAndPort("a.test")), ServerAddress(target: .hostAndPort("b.test")))
        var error = DoormanError(.providerUnavailable, "down", isRetryable: true)
        error.revocation = RevocationResult(confirmed: [good], failed: [RevocationResult.Failure(server: bad, error: error)])
        let report = FailureReport(error)
        #expect(report.confirmation?.contains("revoked at a.test:7117.") == true)
        let servers =
            #"{"confirmed":["a.test:7117"],"#
            + #""failed":[{"message":"down","reason":"PROVIDER_UNAVAILABLE","server":"b.test:7117"}],"unreachable":[]}"#
        #expect(report.json.contains(#""servers":"# + servers), "\(report.json)")
    }

    @Test("verify prints the identity as text")
    func text() async throws {
        let ending = try await run(["verify"], vector: "response-verify-phone")
        #expect(ending.output.hasPrefix("account:      1011166682335378\n"), "\(ending)")
        #expect(ending.output.contains("verified:     2017-07-14T02:40:00.000Z\n"), "\(ending)")
    }

    @Test("the completion script of each shell knows every command", arguments: ["bash", "zsh", "fish"])
    func completion(shell: String) async throws {
        let ending = try await Program.run(["completion", shell])
        #expect(ending.status == 0 && ending.error.isEmpty, "\(ending)")
        for command in [
            "verify", "exchange", "revoke", "accounts", "health", "stats", "bench", "dev", "login", "version", "completion",
        ] {
            #expect(ending.output.contains(command), "\(command)")
        }
        #expect(try await Program.run(["completion", "csh"]).status == 2)
    }

    @Test("exchange prints the new token on standard output only")
    func exchange() async throws {
        let ending = try await run(["exchange", "--json"], vector: "response-exchange", input: "AQcode")
        #expect(ending.output.contains(#","outcome":"exchanged","token":"EMAW"#), "\(ending)")
        #expect(ending.error.isEmpty)
    }

    @Test(
        "wrong use ends with exit code 2 and one line",
        arguments: [
            ["verify", "a", "b"], ["verfy"], ["verify", "--timeout", "2"], ["verify", "--address", "nowhere:"],
            ["verify", "a", "--nope"],
            ["verify", "--token-file", "/nonexistent/file"], ["verify", ""], ["revoke", "a", "--account", "b"], ["verify"],
            ["verify", "a", "--max-age", "10ms"],
        ])
    func wrongUse(arguments: [String]) async throws {
        let ending = try await Program.run(arguments)
        #expect(ending.status == 2, "\(ending)")
        #expect(ending.output.isEmpty)
        #expect(ending.error.hasPrefix("doorman: ") && ending.error.filter { $0 == "\n" }.count == 1, "\(ending)")
    }

    @Test(
        "an error about a file repeats its name unless it looks like a token",
        arguments: [["verify", "--token-file"], ["bench", "--token-file"], ["health", "--ca-file"], ["verify", "--address"]])
    func misplacedToken(arguments: [String]) async throws {
        let token = try await Program.run(arguments + ["EMAWverysecrettokenofauser"])
        #expect(token.status == 2 && !token.error.contains("EMAW"), "\(token)")
        let file = try await Program.run(arguments + ["/nonexistent/file-with-a-long-name"])
        #expect(file.status == 2, "\(file)")
        #expect(file.error.contains("file-with-a-long-name") || arguments.contains("--address"), "\(file)")
    }

    @Test("the error of an unreachable server names the address and the next step")
    func unreachable() async throws {
        let environment = ["DOORMAN_ADDRESS": "unix:/nonexistent/doorman.sock"]
        let ending = try await Program.run(["health", "--timeout", "2s", "--json"], environment: environment)
        #expect(ending.status == 3)
        #expect(ending.error.contains("unix:/nonexistent/doorman.sock"))
        #expect(ending.error.contains("Start doormand"))
        #expect(ending.output.contains(#","outcome":"unavailable","reason":"UNREACHABLE","#))
    }

    @Test("version prints the version, and calls no server", arguments: [["version"], ["--version"]])
    func version(arguments: [String]) async throws {
        let ending = try await Program.run(arguments)
        #expect(ending.status == 0 && ending.output.hasPrefix("doorman 0.") && ending.error.isEmpty, "\(ending)")
        let json = try await Program.run(["version", "--json"])
        #expect(json.output.hasPrefix(#"{"outcome":"version","program":"doorman","version":"0."#), "\(json)")
    }

    @Test("--verbose prints the server, TLS and the time on standard error, and no token")
    func verbose() async throws {
        let ending = try await run(["verify", "-v"], vector: "response-verify-phone")
        #expect(ending.status == 0)
        let error = ending.error.replacing(/\d+\.\d+ ms/, with: "… ms").replacing(/127.0.0.1:\d+/, with: "…")
        #expect(
            error == "doorman: server: …\ndoorman: TLS: off\ndoorman: timeout: 60 s\ndoorman: took … ms\n", "\(ending)")
    }

    @Test("revoke --dry-run names what would be revoked, and calls no server")
    func dryRun() async throws {
        let account = try await Program.run(["revoke", "--account", "1", "--dry-run", "-a", "a.test,b.test:1"])
        let expected = "would revoke all tokens of account 1 at a.test:7117, b.test:1\n"
        #expect(account == Program.Ending(status: 0, output: expected, error: ""))
        let token = try await Program.run(["revoke", "--dry-run", "--json", "-a", "a.test"], input: "EMAWtoken")
        #expect(token == Program.Ending(status: 0, output: #"{"outcome":"would_be_revoked"}"# + "\n", error: ""))
    }

    @Test("help is a success", arguments: [["--help"], ["verify", "--help"], ["help", "exchange"]])
    func help(arguments: [String]) async throws {
        let ending = try await Program.run(arguments)
        #expect(ending.status == 0)
        #expect(ending.output.contains("USAGE: doorman"))
        #expect(ending.error.isEmpty)
    }
}
