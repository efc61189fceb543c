import TestKit
import Testing

@Suite("doorman accounts", .timeLimit(.minutes(2)))
struct AccountsProgramTests {
    /// Runs `doorman accounts` against a server that responds with the vectors.
    private func run(_ arguments: [String], vectors: [String], input: String = "") async throws -> Program.Ending {
        let server = try VectorServer()
        let port = server.port
        async let ending = Program.run(
            ["accounts"] + arguments + ["--address", "127.0.0.1:\(port)", "--timeout", "1m"], input: input)
        try await server.answerCalls(with: try vectors.map { try GoldenVector.named($0) })
        return try await ending
    }

    private static let phone = #"{"account_id":"1011166682335378","email":null,"phone_number":"+15551234567"}"# + "\n"
    private static let email = #"{"account_id":"1011166682335379","email":"test@example.com","phone_number":null}"# + "\n"

    /// Whether a line says that the account was deleted, and at which server.
    private func isDeletion(_ line: some StringProtocol, of id: String) -> Bool {
        line.hasPrefix(#"{"account_id":"\#(id)","confirmed":["127.0.0.1:"#)
            && line.hasSuffix(#""],"outcome":"deleted","unreachable":[]}"#)
    }

    @Test("list prints the accounts of all pages, one object per line")
    func list() async throws {
        let ending = try await run(["list", "--json"], vectors: ["response-list-accounts", "response-list-accounts-last"])
        #expect(ending == Program.Ending(status: 0, output: Self.phone + Self.email + Self.email, error: ""))
    }

    @Test("list prints a table without --json, also into a file")
    func table() async throws {
        let ending = try await run(["list"], vectors: ["response-list-accounts-last"])
        let expected = """
            ACCOUNT               PHONE             E-MAIL
            1011166682335379      -                 test@example.com

            """
        #expect(ending == Program.Ending(status: 0, output: expected, error: ""))
    }

    @Test("delete prints a line of text per account without --json")
    func deletedAsText() async throws {
        let ending = try await run(
            ["delete", "1", "2", "--yes"], vectors: ["response-delete-account", "failure-provider-unavailable"])
        #expect(ending.output.hasPrefix("1  deleted\n2  unavailable (PROVIDER_UNAVAILABLE): "), "\(ending)")
    }

    @Test("--dry-run validates the ids, calls no server, and deletes nothing", arguments: [[], ["--json"]])
    func dryRun(arguments: [String]) async throws {
        // No server listens on this address.
        let ending = try await Program.run(
            ["accounts", "delete", "-", "--dry-run", "--address", "127.0.0.1:1"] + arguments, input: "1\n2\n")
        let expected =
            arguments.isEmpty
            ? "1  would be deleted\n2  would be deleted\n"
            : #"{"account_id":"1","outcome":"would_be_deleted"}"# + "\n" + #"{"account_id":"2","outcome":"would_be_deleted"}"#
                + "\n"
        #expect(ending == Program.Ending(status: 0, output: expected, error: ""))
    }

    @Test("delete needs --yes if it cannot ask", arguments: [["1"], ["-"]])
    func unconfirmed(ids: [String]) async throws {
        let ending = try await Program.run(["accounts", "delete", "--address", "127.0.0.1:1"] + ids, input: "1\n")
        #expect(ending.status == 2 && ending.output.isEmpty && ending.error.contains("give --yes"), "\(ending)")
    }

    @Test("--progress ends with the number of accounts")
    func progress() async throws {
        let ending = try await run(
            ["list", "--progress"], vectors: ["response-list-accounts", "response-list-accounts-last"])
        #expect(ending.status == 0)
        #expect(ending.error.hasSuffix("doorman: 3 accounts listed\n"), "\(ending)")
    }

    @Test("one account is counted in the singular")
    func singular() async throws {
        let ending = try await run(["list", "--progress"], vectors: ["response-list-accounts-last"])
        #expect(ending.error == "doorman: 1 account listed\n", "\(ending)")
    }

    @Test("list requests no page after its limit")
    func limit() async throws {
        let ending = try await run(["list", "--limit", "1", "--json"], vectors: ["response-list-accounts"])
        #expect(ending == Program.Ending(status: 0, output: Self.phone, error: ""))
    }

    @Test("an empty list is a success")
    func none() async throws {
        let ending = try await run(["list"], vectors: ["response-list-accounts-none"])
        #expect(ending == Program.Ending(status: 0, output: "", error: ""))
    }

    @Test("an incomplete list ends with exit code 3")
    func incomplete() async throws {
        let ending = try await run(["list", "-j"], vectors: ["response-list-accounts", "failure-provider-busy"])
        #expect(ending.status == 3)
        #expect(ending.output.hasPrefix(Self.phone + Self.email + #"{"message":"#), "\(ending)")
        #expect(ending.error.contains("PROVIDER_BUSY") && ending.error.filter { $0 == "\n" }.count == 1, "\(ending)")
    }

    @Test("a caller without permission stops after one call", arguments: [["list"], ["delete", "1", "2", "3", "--yes"]])
    func notAllowed(arguments: [String]) async throws {
        let ending = try await run(arguments, vectors: ["failure-caller-not-allowed"])
        #expect(ending.status == 3)
        #expect(ending.error.contains("CALLER_NOT_ALLOWED"), "\(ending)")
        #expect(ending.error.contains("Ask the server's operator"), "\(ending)")
        #expect(ending.error.filter { $0 == "\n" }.count == 1, "\(ending)")
    }

    @Test("delete continues after a failure")
    func delete() async throws {
        let ending = try await run(
            ["delete", "1", "2", "3", "-y", "--json"],
            vectors: ["response-delete-account", "failure-provider-unavailable", "response-delete-account"])
        #expect(ending.status == 3)
        let lines = ending.output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.first.map { isDeletion($0, of: "1") } == true)
        #expect(lines[1].hasPrefix(#"{"account_id":"2","message":""#), "\(ending)")
        #expect(lines[1].contains(#","outcome":"unavailable","reason":"PROVIDER_UNAVAILABLE","#), "\(ending)")
        #expect(lines.last.map { isDeletion($0, of: "3") } == true)
        #expect(ending.error.hasPrefix("doorman: 2 accounts deleted, 1 failed: unavailable (PROVIDER_UNAVAILABLE)"), "\(ending)")
    }

    @Test("delete reads ids from standard input and skips empty lines")
    func deleteFromInput() async throws {
        let ending = try await run(
            ["delete", "-", "--progress", "--yes", "--json"], vectors: ["response-delete-account", "response-delete-account"],
            input: "1\r\n\n2")
        #expect(ending.status == 0)
        let lines = ending.output.split(separator: "\n")
        #expect(lines.count == 2 && isDeletion(lines[0], of: "1") && isDeletion(lines[1], of: "2"), "\(ending)")
        #expect(ending.error.hasSuffix("doorman: 2 accounts deleted\n"), "\(ending)")
    }

    @Test("delete stops at a line that is not an id, without repeating it")
    func invalidLine() async throws {
        let ending = try await run(
            ["delete", "-", "--yes", "--json"], vectors: ["response-delete-account"], input: "1\nEMAWverysecrettokenofauser\n2\n")
        #expect(ending.status == 2)
        let lines = ending.output.split(separator: "\n")
        #expect(lines.count == 2 && isDeletion(lines[0], of: "1"), "\(ending)")
        #expect(lines.last?.contains(#""outcome":"wrong_use""#) == true, "\(ending)")
        #expect(ending.error.contains("line 2 of standard input"), "\(ending)")
        #expect(!ending.error.contains("EMAW"))
    }

    @Test("delete stops after ten consecutive failures")
    func consecutiveFailures() async throws {
        let ids = (1...12).map(String.init)
        let ending = try await run(["delete", "--yes"] + ids, vectors: Array(repeating: "failure-provider-unavailable", count: 10))
        #expect(ending.status == 3)
        #expect(ending.output.split(separator: "\n").count == 10)
        #expect(ending.error.contains("0 accounts deleted, 10 failed"), "\(ending)")
    }

    @Test(
        "wrong use ends with exit code 2 and one line",
        arguments: [
            ["delete"], ["delete", "x"], ["delete", "1", "EMAWverysecrettokenofauser"], ["delete", "-", "1"],
            ["delete", String(repeating: "1", count: 65)], ["list", "--page-size", "0"], ["list", "--page-size", "1001"],
            ["list", "--limit", "0"], ["list", "extra"],
        ])
    func wrongUse(arguments: [String]) async throws {
        let ending = try await Program.run(["accounts"] + arguments)
        #expect(ending.status == 2, "\(ending)")
        #expect(ending.output.isEmpty)
        #expect(ending.error.hasPrefix("doorman: ") && ending.error.filter { $0 == "\n" }.count == 1, "\(ending)")
        #expect(!ending.error.contains("EMAW"))
    }
}
