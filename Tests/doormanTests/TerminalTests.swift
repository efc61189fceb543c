import TestKit
import Testing

@Suite("doorman on a terminal", .timeLimit(.minutes(2)))
struct TerminalTests {
    private let terminal: PseudoTerminal

    init() throws {
        terminal = try PseudoTerminal()
    }

    /// Starts the program. No server listens at its default address.
    private func start(
        _ arguments: [String], address: String = "127.0.0.1:1", timeout: String = "1s"
    ) throws -> ChildProcess {
        try ChildProcess(
            ChildProcess.built("doorman"), arguments + ["--address", address, "--timeout", timeout],
            environment: ["TERM": "xterm", "NO_COLOR": "1"], terminal: terminal)
    }

    private func wait(for text: String) async throws {
        try await eventually("the terminal shows '\(text)'") { terminal.output.contains(text) }
    }

    @Test("verify asks for a token, and does not show it")
    func prompt() async throws {
        let program = try start(["verify"])
        try await wait(for: "Token (not shown): ")
        #expect(!terminal.showsInput)
        terminal.type("EMAWsecrettoken\n")
        #expect(try await program.ending() == 3)
        #expect(terminal.showsInput)
        #expect(!terminal.output.contains("EMAW") && terminal.output.contains("connection refused"), "\(terminal.output)")
    }

    @Test("exchange asks for a code")
    func code() async throws {
        let program = try start(["exchange"])
        try await wait(for: "Code (not shown): ")
        terminal.type("\u{4}")
        #expect(try await program.ending() == 2)
        #expect(terminal.output.contains("the code is empty"), "\(terminal.output)")
    }

    @Test("Ctrl-C ends the question, and the terminal shows input again")
    func interrupt() async throws {
        let program = try start(["verify"])
        try await wait(for: "Token (not shown): ")
        terminal.type("EMAWsec\u{3}")
        // The number of SIGINT.
        #expect(try await program.ending() == -2)
        #expect(terminal.showsInput)
    }

    @Test("a program that is ended by a signal lets the terminal show input again")
    func terminate() async throws {
        let program = try start(["verify"])
        try await wait(for: "Token (not shown): ")
        program.terminate()
        // The number of SIGTERM.
        #expect(try await program.ending() == -15)
        #expect(terminal.showsInput)
    }

    @Test(
        "a command that can't be undone asks first",
        arguments: [
            (["accounts", "delete", "1", "2"], "Delete 2 accounts at the provider, permanently, through 127.0.0.1:1? [y/N] "),
            (["revoke", "--account", "1"], "Revoke all tokens of account 1 at 127.0.0.1:1? [y/N] "),
        ])
    func confirmation(arguments: [String], question: String) async throws {
        for (answer, status, words) in [
            ("y", 3, "connection refused"), ("n", 2, "nothing has changed"), ("", 2, "nothing has changed"),
        ] as [(String, Int32, String)] {
            let terminal = try PseudoTerminal()
            let program = try ChildProcess(
                ChildProcess.built("doorman"), arguments + ["--address", "127.0.0.1:1", "--timeout", "1s"], terminal: terminal)
            try await eventually("the question") { terminal.output.contains(question) }
            terminal.type(answer + "\n")
            #expect(try await program.ending() == status, "\(answer): \(terminal.output)")
            #expect(terminal.output.contains(words), "\(terminal.output)")
        }
    }

    @Test("stats --watch fits 24 lines of 80 characters, and clears the figures of a server that does not answer")
    func watch() async throws {
        let server = try VectorServer()
        let program = try start(["stats", "--watch", "1ms"], address: "127.0.0.1:\(server.port)", timeout: "1m")
        let vectors = ["response-stats", "failure-limit-caller-rate", "failure-caller-not-allowed"]
        try await server.answerCalls(with: try vectors.map { try GoldenVector.named($0) })
        #expect(try await program.ending() == 3)
        let screens = terminal.output.components(separatedBy: "\u{1b}[?7l").dropFirst()
        #expect(screens.count == 2, "\(terminal.output)")
        let lines = screens.map { $0.matches(of: /\u{1b}\[(\d+)H([^\u{1b}]*)/) }
        for line in lines.joined() {
            #expect(Int(line.output.1).map { $0 <= 24 } == true && line.output.2.count <= 80, "\(line.output)")
        }
        #expect(screens.first?.contains("hit ratio") == true)
        #expect(screens.last?.contains("LIMIT_CALLER_RATE") == true && screens.last?.contains("hit ratio") == false)
        #expect(screens.last?.contains("last figures: 2017-07-14T03:40:00.000Z") == true, "\(terminal.output)")
    }
}
