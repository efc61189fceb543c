import TestKit
import Testing

@Suite("the program's accounts", .timeLimit(.minutes(2)))
struct AccountsProgramTests {
    /// Runs `doorman accounts` against a server that answers its calls with the vectors.
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

    private func deleted(_ id: String) -> String { #"{"account_id":"\#(id)","outcome":"deleted"}"# + "\n" }

    @Test("a list is every page's accounts, one object a line, and nothing on a standard error that is no terminal")
    func list() async throws {
        let ending = try await run(["list"], vectors: ["response-list-accounts", "response-list-accounts-last"])
        #expect(ending == Program.Ending(status: 0, output: Self.phone + Self.email + Self.email, error: ""))
    }

    @Test("progress that is asked for says how many there were in the end")
    func progress() async throws {
        let ending = try await run(
            ["list", "--progress"], vectors: ["response-list-accounts", "response-list-accounts-last"])
        #expect(ending.status == 0)
        #expect(ending.error.hasSuffix("doorman: 3 accounts listed\n"), "\(ending)")
    }

    @Test("one account is one, in words too")
    func singular() async throws {
        let ending = try await run(["list", "--progress"], vectors: ["response-list-accounts-last"])
        #expect(ending.error == "doorman: 1 account listed\n", "\(ending)")
    }

    @Test("a limit is kept, and no page is asked for behind it")
    func limit() async throws {
        let ending = try await run(["list", "--limit", "1"], vectors: ["response-list-accounts"])
        #expect(ending == Program.Ending(status: 0, output: Self.phone, error: ""))
    }

    @Test("a list without accounts is a success")
    func none() async throws {
        let ending = try await run(["list"], vectors: ["response-list-accounts-none"])
        #expect(ending == Program.Ending(status: 0, output: "", error: ""))
    }

    @Test("a list that breaks off keeps what it had, and says so by its exit code and one line")
    func breaksOff() async throws {
        let ending = try await run(["list"], vectors: ["response-list-accounts", "failure-provider-busy"])
        #expect(ending.status == 3)
        #expect(ending.output == Self.phone + Self.email)
        #expect(ending.error.contains("PROVIDER_BUSY") && ending.error.filter { $0 == "\n" }.count == 1, "\(ending)")
    }

    @Test("who may not is told whom to ask", arguments: [["list"], ["delete", "1", "2", "3"]])
    func notAllowed(arguments: [String]) async throws {
        // One call only: the others would fare alike.
        let ending = try await run(arguments, vectors: ["failure-caller-not-allowed"])
        #expect(ending.status == 3)
        #expect(ending.error.contains("CALLER_NOT_ALLOWED"), "\(ending)")
        #expect(ending.error.contains("Ask the server's operator"), "\(ending)")
        #expect(ending.error.filter { $0 == "\n" }.count == 1, "\(ending)")
    }

    @Test("a deletion goes on after one that failed, and says what became of each")
    func delete() async throws {
        let ending = try await run(
            ["delete", "1", "2", "3"],
            vectors: ["response-delete-account", "failure-provider-unavailable", "response-delete-account"])
        #expect(ending.status == 3)
        let lines = ending.output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.first.map { $0 + "\n" } == deleted("1"))
        #expect(lines[1].hasPrefix(#"{"account_id":"2","message":""#), "\(ending)")
        #expect(lines[1].contains(#","outcome":"unavailable","reason":"PROVIDER_UNAVAILABLE","#), "\(ending)")
        #expect(lines.last.map { $0 + "\n" } == deleted("3"))
        #expect(ending.error.hasPrefix("doorman: 2 accounts deleted, 1 not: unavailable (PROVIDER_UNAVAILABLE)"), "\(ending)")
    }

    @Test("ids come from standard input, too, with empty lines passed over")
    func deleteFromInput() async throws {
        let ending = try await run(
            ["delete", "-", "--progress"], vectors: ["response-delete-account", "response-delete-account"], input: "1\r\n\n2")
        #expect(ending.status == 0)
        #expect(ending.output == deleted("1") + deleted("2"))
        #expect(ending.error.hasSuffix("doorman: 2 accounts deleted\n"), "\(ending)")
    }

    @Test("what is no id ends it, and is never repeated")
    func badLine() async throws {
        let ending = try await run(
            ["delete", "-"], vectors: ["response-delete-account"], input: "1\nEMAWverysecrettokenofsomebody\n2\n")
        #expect(ending.status == 2)
        #expect(ending.output == deleted("1"))
        #expect(ending.error.contains("line 2 of standard input"), "\(ending)")
        #expect(!ending.error.contains("EMAW"))
    }

    @Test("ten failures in a row are not the accounts' fault")
    func hopeless() async throws {
        let ids = (1...12).map(String.init)
        let ending = try await run(["delete"] + ids, vectors: Array(repeating: "failure-provider-unavailable", count: 10))
        #expect(ending.status == 3)
        #expect(ending.output.split(separator: "\n").count == 10)
        #expect(ending.error.contains("0 accounts deleted, 10 not"), "\(ending)")
    }

    @Test(
        "2 is wrong use, in one line, and nobody is asked",
        arguments: [
            ["delete"], ["delete", "x"], ["delete", "1", "EMAWverysecrettokenofsomebody"], ["delete", "-", "1"],
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
