import TestKit
import Testing

@testable import doorman

@Suite("doorman's standard output", .timeLimit(.minutes(2)))
struct OutputTests {
    /// Starts the program in a shell that completes the command with the redirection.
    private func start(_ arguments: [String], _ redirection: String) throws -> ChildProcess {
        try ChildProcess(
            "sh", ["-c", #""$0" "$@" \#(redirection)"#, ChildProcess.built("doorman")] + arguments,
            environment: ["PATH": "/usr/bin:/bin"], input: "EMAWtoken")
    }

    private func check(_ program: ChildProcess) async throws {
        #expect(try await program.ending() == 4, "\(program.allOutput)")
        let line =
            "doorman: cannot write to standard output: no space left on device. Check the disk or the file that the output goes to, "
            + "and repeat the command.\n"
        #expect(program.errorOutput == line, "\(program.errorOutput)")
    }

    @Test(
        "a full disk fails every command that has a result",
        arguments: [
            (["verify"], "response-verify-phone"), (["verify", "--json"], "failure-token-rejected"),
            (["exchange"], "response-exchange"), (["revoke"], "response-revoke"), (["health"], "response-health-serving"),
            (["stats"], "response-stats"), (["stats", "--watch"], "response-stats"),
            (["accounts", "list"], "response-list-accounts-last"),
            (["accounts", "delete", "1", "2", "--yes"], "response-delete-account"),
        ])
    func fullDisk(arguments: [String], vector: String) async throws {
        let server = try VectorServer()
        let program = try start(
            arguments + ["--address", "127.0.0.1:\(server.port)", "--timeout", "1m"], ">/dev/full")
        try await server.answerCalls(with: [try GoldenVector.named(vector)])
        try await check(program)
    }

    @Test(
        "a full disk fails every text",
        arguments: [
            ["version"], ["--version"], ["--help"], ["help", "verify"], ["verify", "--help"], ["completion", "bash"],
            ["verify", "--json", "--nope"], ["accounts", "delete", "1", "--dry-run"],
        ])
    func texts(arguments: [String]) async throws {
        try await check(try start(arguments, ">/dev/full"))
    }

    @Test("a closed pipe ends stats --watch without a message")
    func closedPipe() async throws {
        let server = try VectorServer()
        let program = try start(
            ["stats", "--watch", "1ms", "--address", "127.0.0.1:\(server.port)", "--timeout", "1m"], "| head -n 1")
        try await server.answerUntilClosed(with: try GoldenVector.named("response-stats"))
        #expect(try await program.ending() == 0)
        #expect(program.errorOutput.isEmpty && program.output.filter { $0 == "\n" }.count == 1, "\(program.allOutput)")
    }
}
